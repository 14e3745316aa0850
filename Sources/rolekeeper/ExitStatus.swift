/// How the command line ends, as its usage and the README document it.
enum ExitStatus {
  static let done: Int32 = 0
  /// It will never work as it was asked for (the daemon's 400, 403, 404, 409), or failed for a reason on stderr.
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  /// No daemon answers at the socket.
  static let unreachable: Int32 = 3
  /// Not now (the daemon's 429 and 503, or a time-out of ours); stderr says when to try again, if that is known.
  static let notNow: Int32 = 4

  /// The status for an answer that isn't what was asked for.
  static func of(httpStatus: Int) -> Int32 {
    switch httpStatus {
    // 408: this process was stopped while it asked, say.
    case 408, 429, 503: notNow
    default: failed
    }
  }
}
