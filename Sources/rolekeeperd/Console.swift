import Glibc

/// The daemon's messages on a terminal.
enum Console {
  /// The program that the user called: `rolekeeper` becomes this one for some of its commands.
  static let program =
    CommandLine.arguments.first?.split(separator: "/").last == "rolekeeper" ? "rolekeeper" : "rolekeeperd"

  /// One line on stderr.
  static func report(_ line: String) {
    var text = Array("\(line)\n".utf8)[...]
    while !text.isEmpty {
      let count = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // If stderr is closed, there is nobody to notify.
      guard count > 0 else { return }
      text = text.dropFirst(count)
    }
  }
}

/// The daemon's exit statuses (78 is from sysexits(3); the unit isn't started again after it).
enum ExitStatus {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  /// Nothing was refused, but not everything could be tried.
  static let incomplete: Int32 = 4
  /// STS refuses an AccessKey or a role (EX_NOPERM).
  static let refused: Int32 = 77
  static let badSettings: Int32 = 78
}
