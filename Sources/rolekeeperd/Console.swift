import Glibc

/// What the daemon says to a person at a terminal.
enum Console {
  /// One line on stderr.
  static func report(_ line: String) {
    var text = Array("\(line)\n".utf8)[...]
    while !text.isEmpty {
      let count = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // A closed stderr has nobody to tell.
      guard count > 0 else { return }
      text = text.dropFirst(count)
    }
  }
}

/// How the daemon ends (sysexits(3) for 78, which the unit doesn't start again after).
enum ExitStatus {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  static let badSettings: Int32 = 78
}
