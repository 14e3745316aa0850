/// How much an event of the log matters, the least first; the names are those of the settings.
package enum LogLevel: String, Hashable, CaseIterable, Comparable, Sendable {
  /// Details for whoever looks for a mistake.
  case debug
  /// What goes on in ordinary operation.
  case info
  /// A change of state that an administrator should know of.
  case notice
  /// Something failed that will be tried again, or that the daemon works around.
  case warning
  /// Somebody has to act.
  case error

  private var rank: Int {
    switch self {
    case .debug: 0
    case .info: 1
    case .notice: 2
    case .warning: 3
    case .error: 4
    }
  }

  package static func < (one: LogLevel, other: LogLevel) -> Bool { one.rank < other.rank }
}
