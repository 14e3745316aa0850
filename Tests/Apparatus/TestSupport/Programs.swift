import Glibc

/// Where the programs under test are: the directory named by ROLEKEEPER_PROGRAMS, else that of the release build.
package enum Programs {
  package static var directory: String {
    getenv("ROLEKEEPER_PROGRAMS").map { String(cString: $0) } ?? "\(sources)/.build/release"
  }

  /// Where this repository is.
  private static let sources = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

  /// The variables that our unit gives the daemon (`Environment=`, one in each line), but for the directory, which a test's daemon has of
  /// its own.
  static let unitEnvironment: [String: String] = {
    let lines = (FileText.read("\(sources)/systemd/rolekeeper.service") ?? "").split(separator: "\n")
    let pairs = lines.filter { $0.hasPrefix("Environment=") }.map { $0.split(separator: "=", maxSplits: 2) }
    precondition(
      !pairs.isEmpty && pairs.allSatisfy { $0.count == 3 }, "the unit's Environment= lines aren't NAME=VALUE")
    let variables = Dictionary(uniqueKeysWithValues: pairs.map { (String($0[1]), String($0[2])) })
    return variables.filter { $0.key != "RUNTIME_DIRECTORY" }
  }()

  package static var daemon: String { "\(directory)/rolekeeperd" }
  package static var commandLine: String { "\(directory)/rolekeeper" }
  package static var uploader: String { "\(directory)/vod-upload" }
  package static var emulator: String { "\(directory)/sts-emulator" }

  /// What gives a program a wall clock or a disk of its own: built beside the tests, which find it beside themselves.
  package static var faultShim: String {
    var own = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &own, own.count - 1)
    let path = String(decoding: own.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return "/" + (path.split(separator: "/").dropLast() + ["libFaultShim.so"]).joined(separator: "/")
  }
}
