import CommandInterface
import Glibc

/// What `exec` does for its command when the role has another session.
enum Renewal: Equatable {
  case none
  /// The command is ended and started again.
  case restart
  /// The command is sent a signal when the file has the new session.
  case signal(CInt)

  static let signals: [(name: String, number: CInt)] = [
    ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("USR1", SIGUSR1), ("USR2", SIGUSR2), ("TERM", SIGTERM),
    ("WINCH", SIGWINCH),
  ]

  init(_ text: String) throws(WrongUsage) {
    switch text {
    case "none": self = .none
    case "restart": self = .restart
    default:
      let prefix = "signal="
      guard text.hasPrefix(prefix) else {
        throw WrongUsage("'--renew' is \(quoted(text)); write restart, signal=HUP or none")
      }
      let word = String(text.dropFirst(prefix.count))
      guard let signal = Self.signals.first(where: { $0.name == word || "SIG\($0.name)" == word }) else {
        let names = Self.signals.map(\.name).joined(separator: ", ")
        throw WrongUsage("'--renew' has the signal \(quoted(word)); signals are \(names)")
      }
      self = .signal(signal.number)
    }
  }
}
