import CloudAPI
import Core
import Logging

/// The journal's lines of a source. A key's id is whole in there only when STS has accepted the key.
extension AccessKeySource {
  func log(_ report: KeySuccession.Report) {
    switch report {
    case .first: logger.notice("AccessKey read", [.source: name, .accessKeyID: inForce])
    case .proving(let candidate):
      logger.notice(
        "another AccessKey found, keeping the one in use until STS has accepted it",
        [.source: name, .accessKeyID: shown(candidate)])
    case .changed(isProven: true): logger.notice("AccessKey changed", [.source: name, .accessKeyID: inForce])
    case .changed(isProven: false):
      logger.warning(
        "AccessKey changed to one that STS hasn't accepted yet, since it refuses the one before",
        [.source: name, .accessKeyID: inForce])
    case .notTaken(let candidate, let failure, let next): log(candidate, notTakenFor: failure, next)
    case .candidateGone:
      logger.notice(
        "the file holds the AccessKey in use again, the other one is forgotten",
        [.source: name, .accessKeyID: inForce])
    case .candidateLost:
      logger.notice(
        "the other AccessKey isn't in the file any more and is forgotten, keeping the one in use",
        [.source: name, .accessKeyID: inForce])
    case .identified(let identity):
      logger.notice(
        "whose the AccessKey is that may not assume a role",
        [.source: name, .accessKeyID: inForce, .arn: identity.arn])
    case .otherIdentity(let before, let now):
      logger.warning(
        "the AccessKey belongs to another identity than the one before",
        [
          .source: name, .arn: now.arn, .previousARN: before.arn,
          .advice: now.arn == before.arn
            ? "a user of the same name was made again; roles' trust policies may not mean it"
            : "if that isn't meant, put a key of the other identity in place",
        ])
    case .identityNotCompared(let now):
      logger.warning(
        "AccessKey taken without knowing whether it is the same user's as the one before",
        [
          .source: name, .arn: now.arn, .reason: "STS hasn't answered whose the one before was",
          .advice: "look whether the ARN is the one you mean",
        ])
    case .accepted:
      logger.notice("AssumeRole has accepted the AccessKey", [.source: name, .accessKeyID: inForce])
    }
  }

  private func log(_ candidate: AccessKey, notTakenFor failure: Failure, _ next: Duration) {
    let phrase: Logger.Message =
      failure.blamesAccessKey
      ? "new AccessKey refused, keeping the one in use" : "new AccessKey not accepted yet, keeping the one in use"
    var metadata: Logger.Metadata = [
      LogField.source.rawValue: .string(name), LogField.accessKeyID.rawValue: .string(shown(candidate)),
      LogField.code.rawValue: .string(failure.code), LogField.advice.rawValue: .string(failure.advice),
      LogField.next.rawValue: "\(next.wholeSeconds)",
    ]
    if let status = failure.httpStatus { metadata[LogField.httpStatus.rawValue] = "\(status)" }
    if let request = failure.requestID { metadata[LogField.requestID.rawValue] = .string(request) }
    logger.log(level: failure.blamesAccessKey ? .error : .warning, phrase, metadata: metadata)
  }

  func report(_ fault: DirectoryWatch.Fault) {
    logger.warning(
      "AccessKey file not watched",
      [.source: name, .path: location.path, .reason: fault.reason, .advice: fault.advice])
  }

  private var inForce: String { keys.current?.shownID ?? Self.hidden }

  private func shown(_ key: AccessKey) -> String { key.maskedID ?? Self.hidden }

  private static let hidden = "not shown, since it doesn't begin with LTAI"
}
