import Core
import LocalClient
import Secrets
import Wire

/// The daemon's refusal in the user's terms: options as they were typed, and times with units.
struct Refusal: Error, CustomStringConvertible {
  let description: String
  let exitStatus: Int32

  /// `role` is the requested role, `minTTL` the requested lifetime.
  init(_ answer: LocalClient.Answer, role: String? = nil, minTTL: WrittenTime? = nil) {
    let problem = answer.body.withBytes { bytes in
      // An answer that isn't a problem document has only its status.
      try? Problem(parsing: bytes)
    }
    self.init(problem, httpStatus: answer.status, role: role, minTTL: minTTL)
  }

  init(_ problem: Problem?, httpStatus: Int, role: String? = nil, minTTL: WrittenTime? = nil) {
    exitStatus = problem?.isPermanent == true ? ExitStatus.failed : ExitStatus.of(httpStatus: httpStatus)
    guard let problem else {
      description = "the daemon's answer isn't understood (\(httpStatus)); \(Self.versions)"
      return
    }
    var lines = [Self.sentence(problem, role, minTTL)]
    if let request = problem.requestID { lines[0] += " (request \(request))" }
    lines += problem.errors
    if let wait = problem.retryAfter {
      if exitStatus == ExitStatus.notNow { lines.append("try again in \(wait.text)") }
      if problem.isPermanent { lines.append("the daemon tries again by itself in \(wait.text)") }
    }
    description = lines.joined(separator: "\n")
  }

  private static let versions = "are rolekeeper and the running rolekeeperd of the same version?"

  private static func sentence(_ problem: Problem, _ role: String?, _ minTTL: WrittenTime?) -> String {
    switch (problem.kind, role) {
    case (.notFound, .some(let role)):
      "there is no role '\(role)'; \(problem.didYouMean)'rolekeeper status' lists those that you may read"
    case (.tooLong, .some(let role)): tooLong(problem, role, minTTL)
    case (.settingsRefused, _):
      "the settings are refused, and the old ones stay in force, but only until the service is stopped:"
    // This program sends no request that a daemon of its own version would refuse like this.
    case (.malformed, _), (.methodNotAllowed, _), (.notFound, nil): "the daemon doesn't know this request; \(versions)"
    // Of the server's own refusals, those about connections, which don't depend on the request, have their own remedy:
    // too many connections, too slow.
    case (nil, _) where problem.type == "about:blank" && ExitStatus.of(httpStatus: problem.status) == ExitStatus.failed:
      "the daemon can't read this request; \(versions)"
    default: problem.detail
    }
  }

  /// Whether 'max_duration' already has its highest value.
  private static func isLongest(_ problem: Problem) -> Bool {
    problem.maxTTL.map { $0 + ReaderQuery.transitSpan >= RoleTiming.allowedDuration.upperBound } ?? false
  }

  private static func tooLong(_ problem: Problem, _ role: String, _ minTTL: WrittenTime?) -> String {
    let asked = minTTL.map { "'--min-ttl' is \($0.text)" } ?? "that is too long"
    let most = problem.maxTTL.map { ", but at most \($0.text) can be had" } ?? ", which can't be had"
    // If there is a code, STS refused, whatever the settings allow.
    let why =
      switch problem.code {
      case nil: isLongest(problem) ? "STS issues no longer sessions" : "see 'max_duration' in its settings"
      case Failure.noReservationCode: "the tier's sessions live no longer"
      case Failure.grantedLessCode:
        "STS granted less than was asked for; compare the role's MaxSessionDuration with 'max_duration'"
      case .some(let code): "STS refused more: \(code)"
      }
    return "role '\(role)': \(asked)\(most); \(why)"
  }
}
