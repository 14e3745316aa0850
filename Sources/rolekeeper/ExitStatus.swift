/// The exit statuses of the command line, which its usage and the README document.
enum ExitStatus {
  static let done: Int32 = 0
  /// It is impossible as requested (the daemon's 400, 403, 404, 409), or failed for a reason on stderr.
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  /// No daemon answers at the socket.
  static let unreachable: Int32 = 3
  /// It is impossible now (the daemon's 429 and 503, or our own time-out); stderr says when to try again, if that is
  /// known.
  static let notNow: Int32 = 4
  /// Of `exec`: the session was about to expire, so the command was ended; the number is that of timeout(1).
  static let endedBeforeExpiry: Int32 = 124
  /// Of `exec`: the command can't be run, or there is no such command, as for env(1).
  static let cannotRun: Int32 = 126
  static let noCommand: Int32 = 127

  /// The status for an answer with an error.
  static func of(httpStatus: Int) -> Int32 {
    switch httpStatus {
    // 408: for example, this process was stopped during the request.
    case 408, 429, 503: notNow
    default: failed
    }
  }
}
