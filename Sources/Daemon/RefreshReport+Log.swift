import Core
import Logging

extension Logger {
  /// Logs what a role's machine reports, each kind at the level its reader needs. `role` is as the report left it.
  func log(_ report: RefreshReport, of role: KeptRole, at now: Timestamp) {
    let name = role.name.description
    switch report {
    case .refreshed(let session, let generation):
      // A standby isn't published, and the generation in force isn't its.
      let isPublished = role.current?.session.id == session.id
      info(
        "credential refreshed",
        [
          .role: name, .generation: isPublished ? "\(generation)" : "none", .accessKeyID: session.accessKeyID,
          .expires: session.expiration.description,
        ])
    case .reserved(let session):
      notice(
        "credential reserved",
        [.role: name, .accessKeyID: session.accessKeyID, .expires: session.expiration.description])
    case .grantedLess(let asked, let granted):
      warning(
        "STS grants a shorter life than asked; refreshing in proportion",
        [
          .role: name, .seconds: "\(granted.wholeSeconds)",
          .advice: "asked for \(asked.text); compare the role's MaxSessionDuration with 'duration'",
        ])
    case .failing(let failure, let next):
      let phrase: Logger.Message =
        role.isValid(at: now) ? "refresh failed, keeping the current credential" : "refresh failed, no valid credential"
      log(failure, phrase, of: name, next: next - now, count: nil)
    case .stillFailing(let failure, let failures, _, let next):
      log(failure, "refresh still fails", of: name, next: next - now, count: failures)
    case .recovered(let failures, let since, let isFirst):
      notice(
        isFirst ? "first session fetched after failures" : "refresh works again",
        [.role: name, .count: "\(failures)", .seconds: "\((now - since).wholeSeconds)"])
    case .reservationServes(let session, let generation):
      warning(
        "no valid session in the pool, using the reserved one",
        [
          .role: name, .generation: "\(generation)", .accessKeyID: session.accessKeyID,
          .expires: session.expiration.description,
        ])
    case .reservationFailed(let failure):
      warning(
        failure.code == Failure.grantedLessCode ? "reserved session is shorter than asked for" : "reservation failed",
        [.role: name, .code: failure.code, .advice: failure.advice])
    case .belowFloor(let remaining):
      warning("credential is below its floor", [.role: name, .remaining: "\(remaining.wholeSeconds)"])
    case .lapsed: error("no valid credential any more", [.role: name])
    case .condemned(let session, let replacement):
      warning(phrase(of: replacement), [.role: name, .accessKeyID: session.accessKeyID])
    }
  }

  private func phrase(of replacement: RefreshReport.Replacement) -> Logger.Message {
    switch replacement {
    case .standby: "STS no longer accepts this credential, using the standby"
    case .nothing: "STS no longer accepts this credential, fetching a new one"
    case .notNeeded: "STS no longer accepts this session, which was not in use"
    }
  }

  /// A permanent failure waits for a person, and so does a certificate that doesn't verify: an error. The rest mends itself.
  private func log(
    _ failure: Failure, _ phrase: Logger.Message, of role: String, next: Duration, count: Int?
  ) {
    var metadata: Logger.Metadata = [
      LogField.role.rawValue: .string(role), LogField.code.rawValue: .string(failure.code),
      LogField.advice.rawValue: .string(failure.advice), LogField.next.rawValue: "\(Self.wholeSeconds(until: next))",
    ]
    if let status = failure.httpStatus { metadata[LogField.httpStatus.rawValue] = "\(status)" }
    if let request = failure.requestID { metadata[LogField.requestID.rawValue] = .string(request) }
    if let count { metadata[LogField.count.rawValue] = "\(count)" }
    let needsPerson = failure.kind == .permanent || failure.code == TransportFailureCode.untrusted
    log(level: needsPerson ? .error : .warning, phrase, metadata: metadata)
  }

  /// Rounded up, and never 0: an attempt that comes within the second isn't one that was made.
  private static func wholeSeconds(until next: Duration) -> Int64 {
    max(1, next.wholeSeconds + (next > .seconds(next.wholeSeconds) ? 1 : 0))
  }
}

/// The words for failures on the way that others look for.
enum TransportFailureCode {
  /// The server's certificate didn't verify.
  static let untrusted = "TLSVerification"
  /// This process had no thread, descriptor or memory for a request.
  static let noResources = "NoResources"
}
