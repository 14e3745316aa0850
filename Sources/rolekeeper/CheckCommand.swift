import CommandInterface
import Glibc

/// `check`: runs the daemon's own loader, which reports the errors in the settings.
enum CheckCommand {
  /// Becomes `rolekeeperd --check`, with `more` words behind it; returns only when that can't be started.
  static func run(config: String?, _ more: [String] = []) throws -> Int32 {
    let words = ["rolekeeperd", "--check"] + (config.map { ["--config", $0] } ?? []) + more
    var pointers = words.map { strdup($0) } + [nil]
    var failures: [String] = []
    for path in candidates() {
      execv(path, &pointers)
      failures.append("\(path): \(String(cString: strerror(errno)))")
    }
    Console.report("cannot start rolekeeperd, which does the checking: \(failures.joined(separator: "; "))")
    return ExitStatus.failed
  }

  /// Beside this program, or where `make install` puts it if this program is in `bin`.
  private static func candidates() -> [String] {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { return ["/usr/sbin/rolekeeperd"] }
    let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let directory = own[..<(own.lastIndex(of: "/") ?? own.startIndex)]
    let parent = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
    return ["\(directory)/rolekeeperd", "\(parent)/sbin/rolekeeperd"]
  }
}
