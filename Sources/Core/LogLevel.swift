/// The level of a log event, the lowest first; the names are those of the settings.
package enum LogLevel: String, Hashable, CaseIterable, Comparable, Sendable {
  /// Details for debugging.
  case debug
  /// Events of normal operation.
  case info
  /// A change of state that an administrator should know about.
  case notice
  /// Something failed; it will be tried again, or the daemon works around it.
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
