import CommandInterface
import Glibc

/// What `rolekeeperd` finds out, since it has the daemon's own loader and can reach the network: `check`, `source test` and
/// `doctor`.
enum CheckCommand {
  static func run(_ arguments: Arguments) -> Int32 {
    let config = arguments.config.map { ["--config", $0] } ?? []
    let roles = arguments.testedRoles.flatMap { ["--role", $0] }
    let source = arguments.testedSource.map { ["--source", $0] } ?? []
    let form = arguments.isJSON ? ["--json"] : []
    switch arguments.command {
    case .policy: return become(["--check"] + config + ["--policy-test"] + arguments.policyTest)
    case .source: return become(["--test-source", arguments.keyFile ?? ""] + config + roles + source + form)
    case .doctor:
      let user = arguments.inspectedUser.map { ["--as", $0] } ?? []
      let socket = (arguments.socket ?? Environment.value("ROLEKEEPER_SOCKET")).map { ["--socket", $0] } ?? []
      return become(["--doctor"] + config + user + socket + form)
    default:
      let others =
        (arguments.printsPolkit ? ["--print-polkit"] : []) + (arguments.printsPolicies ? ["--print-policy"] : [])
        + (arguments.isOnline ? ["--online"] : [])
      return become(["--check"] + others + config + roles + form)
    }
  }

  /// Becomes `rolekeeperd` with these words; returns only when that can't be started. Its messages begin with the name that it is
  /// called by, which is this program's: the user knows no other.
  private static func become(_ arguments: [String]) -> Int32 {
    let words = ["rolekeeper"] + arguments
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
