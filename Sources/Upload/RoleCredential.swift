package import CloudAPI
package import Core
package import LocalClient
import Secrets
import Signing
package import Systemd
import Wire

/// The role's session from the daemon. It is requested again when it is about to expire, a minute after it was read,
/// and when the cloud refuses it. A refused session is reported to the daemon first, which has STS check it and hands
/// out another one if it is dead.
package final class RoleCredential {
  /// Why there is no session.
  package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing listens on the socket.
    case noDaemon(reason: String)
    /// The daemon has none, or not within the wait.
    case noCredential(reason: String)
    /// This caller may not read the role, or the role doesn't exist: waiting doesn't help.
    case refused(reason: String)
    /// No role was named, and this caller may read none.
    case noRole
    /// No role was named, and this caller may read these: waiting doesn't help.
    case severalRoles([String])

    package var description: String {
      switch self {
      case .noDaemon(let reason), .noCredential(let reason), .refused(let reason): reason
      case .noRole: "there is no role that you may read"
      case .severalRoles(let names): "there are several roles that you may read: \(names.joined(separator: ", "))"
      }
    }
  }

  /// The minimum remaining lifetime of a session that signs a call: VOD checks it when the call arrives. If it expires
  /// on the way, the call is repeated with another session.
  private static let neededLife = Duration.seconds(5)
  /// The time after which the daemon is asked again, although the session is valid: it may have been revoked and
  /// replaced.
  private static let longestUse = Duration.seconds(60)
  private static let pause = Duration.seconds(1)
  /// A session isn't reported again within this time: the daemon checks it at most once in 30 s.
  private static let reportInterval = Duration.seconds(60)

  /// Called at the beginning of each wait, with the reason; no request gets a session before the wait is over.
  package var onWait: ((Failure) -> Void)?

  /// Called if the daemon's credential has expired by the server's time, which has to be nil after that. The daemon
  /// serves none that has expired by STS's time, so a wrong `Date` or this host's clock is the cause, and without a
  /// credential no call would be made whose answer could correct it.
  package var doubtServerTime: (() -> Void)?

  /// Nil until the only role that this caller may read is known.
  private var role: String?
  private let client: LocalClient
  private let loop: EventLoop
  /// How long to wait for the first session, and for another whenever there is none.
  private let wait: Duration
  private let serverTime: () -> UTCTime?

  private var held: Session?
  private var waiting: [(Result<SigningIdentity, Failure>) -> Void] = []
  private var waitingSince: Timestamp?
  private var hasReportedWait = false
  private var pending: Question?
  /// The AccessKeyId of a session that the cloud has refused and that wasn't reported to the daemon.
  private var refused: String?
  private var lastReport: (keyID: String, time: Timestamp)?
  /// Whether the daemon was asked for any session, after it had none with a sufficient lifetime.
  private var takesAny = false
  private var alarm: (any Alarm)!

  private struct Session {
    let identity: SigningIdentity
    let expiration: UTCTime
    let taken: Timestamp
    /// With less than this left, another session is requested; in seconds.
    let leastLife: Int64
  }

  /// `role` is nil for the only role that this caller may read. `serverTime` is nil when it isn't known; then the
  /// daemon's word counts that a session is valid.
  package init(
    role: String?, client: LocalClient, loop: EventLoop, wait: Duration, serverTime: @escaping () -> UTCTime?
  ) throws(LoopError) {
    self.role = role
    self.client = client
    self.loop = loop
    self.wait = wait
    self.serverTime = serverTime
    alarm = try loop.timer(accuracy: 10_000) { [unowned self] in timerFired() }
  }

  /// The session while it can sign the next call; nil if one has to be requested with `request`.
  package var current: SigningIdentity? {
    guard let held, loop.time - held.taken < Self.longestUse else { return nil }
    if let life = life(until: held.expiration), life < held.leastLife { return nil }
    return held.identity
  }

  /// In seconds; nil if the server's time isn't known.
  private func life(until expiration: UTCTime) -> Int64? { serverTime().map { expiration.seconds - $0.seconds } }

  /// Reports the session with this AccessKeyId to the daemon, and asks for another, before the next call: the cloud has
  /// refused it.
  package func discard(keyID: String) {
    guard held?.identity.key.id == keyID else { return }
    held = nil
    if let lastReport, lastReport.keyID == keyID, loop.time - lastReport.time < Self.reportInterval { return }
    refused = keyID
  }

  /// Gets a session, and waits for it if necessary; `completion` is called from a later turn of the loop.
  package func request(_ completion: @escaping (Result<SigningIdentity, Failure>) -> Void) {
    waiting.append(completion)
    guard pending == nil, !alarm.isArmed else { return }
    waitingSince = loop.time
    takesAny = false
    report()
  }

  /// Reports the refused session, if there is one, and then asks for another. Whatever the daemon says of it, and if it
  /// says nothing, the answer to the question is what counts.
  private func report() {
    guard let role, let keyID = refused.take() else { return ask() }
    lastReport = (keyID, loop.time)
    let target = "/v1/roles/\(role)/report?access_key_id=\(String(percentEncoded: keyID))"
    do {
      pending = try Question(client.begin(target, method: "POST"), loop, isReport: true) { [unowned self] in
        takeReport()
      }
      alarm.arm(at: timeout(of: loop.time).microseconds)
    } catch {
      ask()
    }
  }

  private func takeReport() {
    guard let question = pending else { return }
    do throws(LocalClientError) {
      guard try question.answer.read() != nil else { return }
    } catch {
      // The question tells, too, whether the daemon is there.
    }
    endReport()
  }

  private func endReport() {
    pending = nil
    alarm.disarm()
    ask()
  }

  private func ask() {
    let query = takesAny ? "" : "?min_ttl=\(Self.neededLife.wholeSeconds)&wait=0"
    let target = role.map { "/v1/roles/\($0)/credentials\(query)" } ?? "/v1/roles"
    do throws(LocalClientError) {
      let answer = try client.begin(target)
      do throws(LoopError) {
        pending = try Question(answer, loop) { [unowned self] in take() }
      } catch {
        return tryAgain(.noCredential(reason: "\(error)"))
      }
      alarm.arm(at: timeout(of: loop.time).microseconds)
    } catch {
      tryAgain(.noDaemon(reason: "\(error)"))
    }
  }

  /// When a request made `now` times out: after the time that the daemon may take, or little later than the end of the
  /// wait.
  private func timeout(of now: Timestamp) -> Timestamp {
    let end = max((waitingSince ?? now) + wait, now + Self.pause)
    return min(now + client.timeout, end)
  }

  private func take() {
    guard let question = pending else { return }
    do throws(LocalClientError) {
      // The alarm keeps running until the answer is complete.
      guard let answer = try question.answer.read() else { return }
      pending = nil
      alarm.disarm()
      if let role { take(answer, role) } else { takeRoles(answer) }
    } catch {
      alarm.disarm()
      tryAgain(.noDaemon(reason: "\(error)"))
    }
  }

  private func takeRoles(_ answer: LocalClient.Answer) {
    guard answer.status == 200 else { return tryAgain(Self.refusal(answer, nil)) }
    do {
      let names = try answer.body.withBytes { try RoleList(parsing: $0) }.roles.map(\.name)
      guard names.count <= 1 else { return end(.failure(.severalRoles(names))) }
      // The next role that is added may be readable for us.
      guard let name = names.first else { return tryAgain(.noRole) }
      role = name
      ask()
    } catch {
      tryAgain(.noCredential(reason: "the daemon's list of roles isn't understood: \(error)"))
    }
  }

  private func take(_ answer: LocalClient.Answer, _ role: String) {
    guard answer.status == 200 else {
      let failure = Self.refusal(answer, role)
      if case .noCredential = failure, !takesAny {
        takesAny = true
        return ask()
      }
      takesAny = false
      return tryAgain(failure)
    }
    do {
      let credential = try answer.body.withBytes { try SessionCredential(parsing: $0) }
      let key = AccessKey(id: credential.accessKeyID, secret: credential.accessKeySecret)
      let identity = SigningIdentity(sessionKey: key, token: credential.securityToken)
      if let life = life(until: credential.expiration), life <= 0 { doubtServerTime?() }
      let needed = Self.neededLife.wholeSeconds
      let leastLife = life(until: credential.expiration).map { min(needed, max(1, $0 / 4)) } ?? needed
      held = Session(
        identity: identity, expiration: credential.expiration, taken: loop.time, leastLife: leastLife)
      end(.success(identity))
    } catch {
      tryAgain(.noCredential(reason: "the daemon's answer isn't understood: \(error)"))
    }
  }

  private static func refusal(_ answer: LocalClient.Answer, _ role: String?) -> Failure {
    let problem = answer.body.withBytes { try? Problem(parsing: $0) }
    let reason = problem?.detail ?? "the daemon answers with status \(answer.status)"
    return switch problem?.kind {
    case .forbidden: .refused(reason: reason)
    case .notFound:
      if let role {
        .refused(
          reason:
            "there is no role '\(role)'; \(problem?.didYouMean ?? "")'rolekeeper status' lists those that you may read")
      } else {
        .noCredential(reason: reason)
      }
    default: .noCredential(reason: reason)
    }
  }

  /// Asks again after a pause, until the wait is over.
  private func tryAgain(_ failure: Failure) {
    pending = nil
    if case .refused = failure { return end(.failure(failure)) }
    let now = loop.time
    let since = waitingSince ?? now
    let last = since + wait
    guard now < last else { return end(.failure(failure)) }
    if !hasReportedWait { onWait?(failure) }
    hasReportedWait = true
    // One last try when the wait is over.
    alarm.arm(at: min(now + Self.pause, last).microseconds)
  }

  private func timerFired() {
    if pending?.isReport == true { return endReport() }
    // A daemon that accepts the request and doesn't answer is stopped, or hangs.
    if pending != nil { return tryAgain(.noDaemon(reason: "the daemon at '\(client.path)' gives no answer")) }
    ask()
  }

  private func end(_ result: Result<SigningIdentity, Failure>) {
    let completions = waiting
    waiting = []
    waitingSince = nil
    hasReportedWait = false
    for completion in completions { completion(result) }
  }
}

/// A request to the daemon whose answer hasn't come.
private final class Question {
  let answer: PendingAnswer
  let isReport: Bool
  private var source: IOSource?

  init(
    _ answer: PendingAnswer, _ loop: EventLoop, isReport: Bool = false, handler: @escaping () -> Void
  ) throws(LoopError) {
    self.answer = answer
    self.isReport = isReport
    source = try IOSource(loop, descriptor: answer.descriptor, events: .readable) { _ in handler() }
  }

  deinit {
    // The source must leave the loop before its descriptor is closed.
    source = nil
  }
}
