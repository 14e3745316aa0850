import CloudAPI
import Core
import Logs

/// A source's log lines. They have a key's full id only after STS has accepted the key.
extension AccessKeySource {
  func report(_ report: KeySuccession.Report) {
    switch report {
    case .first: log.write(.keyRead, [.source(name), inForce])
    case .proving(let candidate): log.write(.otherKeyFound, [.source(name), Self.id(of: candidate)])
    case .changed(let isProven): log.write(isProven ? .keyChanged : .keyChangedUnproven, [.source(name), inForce])
    case .notTaken(let candidate, let failure, let next):
      log.write(
        failure.blamesAccessKey ? .otherKeyRefused : .otherKeyNotAccepted,
        [.source(name), Self.id(of: candidate), .next(in: next)] + [LogField](failure))
    case .candidateGone: log.write(.otherKeyReplaced, [.source(name), inForce])
    case .candidateLost: log.write(.otherKeyGone, [.source(name), inForce])
    case .identified(let identity): log.write(.keyIdentified, [.source(name), inForce, .arn(identity.arn)])
    case .otherIdentity(let before, let now):
      let advice =
        now.arn == before.arn
        ? "a user of the same name was made again; roles' trust policies may not mean it"
        : "if that isn't meant, put a key of the other identity in place"
      log.write(
        .identityChanged, [.source(name), .arn(now.arn), .previousARN(before.arn), .advice(advice)])
    case .identityNotCompared(let now):
      log.write(
        .identityNotCompared,
        [
          .source(name), .arn(now.arn), .reason("STS hasn't said whose the previous one was"),
          .advice("look whether the ARN is the one you mean"),
        ])
    case .accepted: log.write(.keyAccepted, [.source(name), inForce])
    }
  }

  func report(_ fault: DirectoryWatch.Fault) {
    log.write(
      .keyFileNotWatched,
      [.source(name), .path(location.path), .reason(fault.reason), .advice(fault.advice)])
  }

  private var inForce: LogField { .accessKeyID(keys.current?.shownID ?? Self.hidden) }

  private static func id(of key: AccessKey) -> LogField { .accessKeyID(key.maskedID ?? hidden) }

  private static let hidden = "not shown, since it doesn't begin with LTAI"
}
