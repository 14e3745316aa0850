package import CloudAPI
package import Core
package import Logs
package import Settings
package import Systemd
package import Wire

/// A credential that a service on or beside this host hands out: fetched at the start, again ahead of its end, and whenever STS doesn't
/// accept it.
///
/// | what happens | what follows |
/// |---|---|
/// | a credential with an end | asked again after half of what is left of it, at most an hour, at least 5 s |
/// | a long-lived key | asked again after 5 min |
/// | a failure | asked again by `Backoff`; the last good one signs until its end |
/// | STS doesn't accept the one that signs | asked again at once; if it is the same, every 30 s |
/// | STS doesn't accept the next one either | asked again by `Backoff`, until STS accepts one |
///
/// Whether a credential has expired is judged only by the server's time. Until that is known, STS judges it: this host's clock may be
/// wrong, and STS's answer is what corrects it.
package final class FetchedSource: CredentialSource {
  /// A credential with less than this left isn't used.
  package static let margin = Duration.seconds(5)
  private static let longestWait = Duration.hours(1)
  private static let leastWait = Duration.seconds(5)
  private static let keyInterval = Duration.minutes(5)
  private static let refusedInterval = Duration.seconds(30)
  /// After so long a failure is more than one that passes.
  private static let lasting = Duration.minutes(1)

  private struct Current {
    let signer: SigningIdentity
    var expiration: UTCTime?
    let since: Timestamp
    var accepted: (first: Timestamp, last: Timestamp)?
    var refusal: (failure: Failure, since: Timestamp)?
    var owner: CallerIdentity?
  }

  private final class Waiter {
    let settled: () -> Void
    init(_ settled: @escaping () -> Void) { self.settled = settled }
  }

  private struct WeakWaiter { weak var waiter: Waiter? }

  package var name: String { settings.name }
  package let settings: SourceSettings
  private let fetcher: any CredentialFetcher
  /// The files of the certificate by which its service knows the daemon; nil if there is none.
  package var identityFiles: IdentityFiles? { (fetcher as? URIFetcher)?.identityFiles }
  private let scheduler: any Scheduler
  private let log: Log
  private let serverTime: () -> UTCTime
  private let isTimeFromServer: () -> Bool
  private var current: Current?
  private var failure: (failure: Failure, since: Timestamp)?
  private var backoff = Backoff()
  /// How many credentials in a row STS has refused, and how long the source waits after them.
  private var refusals = 0
  private var refusalBackoff = Backoff()
  private var fetch: AnyObject?
  private var lastFetch: Timestamp?
  private var nextFetch: Timestamp
  private var hasHadOutcome = false
  private var waiters: [WeakWaiter] = []
  private var inquiry: AnyObject?
  private weak var identities: (any IdentityService)?
  private var timer: (any Alarm)!
  private var chance = SystemChance()
  /// Called when another credential signs from now on, or STS accepts it again.
  package var changed: () -> Void = {}
  /// Called when the first fetch has had its outcome.
  package var settled: () -> Void = {}
  /// Called when the status may have changed.
  package var stateChanged: () -> Void = {}

  /// Fetches nothing before `takeOver`. `isTimeFromServer` is whether `serverTime` comes from an answer of STS.
  package init(
    _ settings: SourceSettings, by fetcher: any CredentialFetcher, scheduler: any Scheduler, log: Log,
    serverTime: @escaping () -> UTCTime, isTimeFromServer: @escaping () -> Bool
  ) throws {
    self.settings = settings
    self.fetcher = fetcher
    self.scheduler = scheduler
    self.log = log
    self.serverTime = serverTime
    self.isTimeFromServer = isTimeFromServer
    nextFetch = scheduler.time
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in timeIsUp() }
  }

  package func takeOver(asking identities: any IdentityService) {
    self.identities = identities
    if lastFetch == nil { begin() } else { arm() }
  }

  /// Continues with what `old`, a source with the same settings, has. To be called before `takeOver`.
  package func inherit(from old: FetchedSource) {
    guard old.hasHadOutcome, old.settings == settings else { return }
    current = old.current
    failure = old.failure
    backoff = old.backoff
    refusals = old.refusals
    refusalBackoff = old.refusalBackoff
    lastFetch = old.lastFetch
    nextFetch = old.fetch == nil ? old.nextFetch : now
    hasHadOutcome = true
  }

  // MARK: - Signing

  package var signer: SourceSigner {
    if let current, !hasLapsed(current) { return .identity(current.signer) }
    let why = failure.map { "\($0.failure.code): \($0.failure.advice)" } ?? "it is being fetched"
    return .none(
      Failure(
        .transient, code: Failure.sourceNotReadyCode,
        advice: "waits for source '\(name)', which has no credential (\(why))"))
  }

  package var isAwaited: Bool { !hasHadOutcome }
  package var owner: CallerIdentity? { current?.owner }

  package func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure {
    if failure.blamesSigner {
      return failure.withAdvice(
        "STS doesn't accept the credential of source '\(name)', which \(fetcher.service) hands out; the source asks for another one every 30 s"
      )
    }
    guard failure.concernsSigner else { return failure }
    let whose = current?.owner.map { ", whose identity is '\($0.arn)'" } ?? ""
    return failure.withAdvice("\(failure.advice); source '\(name)' signs\(whose)")
  }

  package func accepted(_ signer: SigningIdentity) {
    guard var current, current.signer.isSame(as: signer) else { return }
    current.accepted = (current.accepted?.first ?? now, now)
    let wasRefused = current.refusal != nil
    current.refusal = nil
    self.current = current
    refusals = 0
    refusalBackoff.reset()
    if wasRefused {
      changed()
      stateChanged()
    }
  }

  package func denied(_ signer: SigningIdentity) {
    guard let current, current.owner == nil, inquiry == nil, current.signer.isSame(as: signer) else { return }
    inquiry = identities?.ask(signer) { [unowned self] answer in
      inquiry = nil
      guard self.current?.signer.isSame(as: signer) == true else { return }
      self.current?.owner = answer.granted
      stateChanged()
    }
  }

  package func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject? {
    guard let current, current.signer.isSame(as: signer) else { return nil }
    self.current?.refusal = (failure, current.refusal?.since ?? now)
    if current.refusal == nil { refusals += 1 }
    stateChanged()
    if isRefusedAgain {
      // The service hands out one bad credential after the other: fetching at once would go on without end.
      if current.refusal == nil, fetch == nil {
        nextFetch = now + max(Self.leastWait, refusalBackoff.wait(after: failure, using: &chance))
        arm()
      }
      return nil
    }
    // One that was fetched a moment ago would be the same.
    if fetch == nil, let lastFetch, now - lastFetch < .seconds(1), current.refusal != nil { return nil }
    let waiter = Waiter(settled)
    waiters.removeAll { $0.waiter == nil }
    waiters.append(WeakWaiter(waiter: waiter))
    if fetch == nil { begin() }
    return waiter
  }

  package func renew() { if fetch == nil, !isRefusedAgain { begin() } }

  package func retry() {
    backoff.reset()
    refusalBackoff.reset()
    refusals = min(refusals, 1)
    if fetch == nil { begin() }
  }

  /// The server's time is another than before, or known now.
  package func clockCorrected() {
    if failure == nil, fetch == nil, current?.refusal == nil {
      nextFetch = min(nextFetch, now + wait(untilAfter: current?.expiration))
    }
    lapse()
    if lastFetch != nil { arm() }
  }

  // MARK: - Fetching

  private var now: Timestamp { scheduler.time }

  private var isRefusedAgain: Bool { refusals > 1 }

  private func hasLapsed(_ one: Current) -> Bool {
    isTimeFromServer() && one.expiration.map { left($0) <= Self.margin } ?? false
  }

  /// How long until `end`, by the server's time.
  private func left(_ end: UTCTime) -> Duration { .seconds(end.seconds - serverTime().seconds) }

  private func timeIsUp() {
    lapse()
    if now >= nextFetch, fetch == nil { begin() } else { arm() }
  }

  private func begin() {
    lastFetch = now
    fetch = fetcher.fetch { [unowned self] outcome in
      fetch = nil
      land(outcome)
    }
    arm()
  }

  private func land(_ outcome: FetchOutcome) {
    let isFirst = !hasHadOutcome
    hasHadOutcome = true
    switch outcome {
    case .fetched(let credential): take(credential)
    case .failed(let failure): fail(failure)
    }
    let waiting = waiters.compactMap(\.waiter)
    waiters = []
    for waiter in waiting { waiter.settled() }
    if isFirst { settled() }
    stateChanged()
  }

  private func take(_ credential: ServedCredential) {
    let signer = SigningIdentity(credential)
    let new = Current(signer: signer, expiration: credential.expiration, since: now)
    if hasLapsed(new) {
      return fail(Self.expired(fetcher.service))
    }
    let isSame = current?.signer.isSame(as: signer) == true
    let isNews = current == nil || failure != nil
    failure = nil
    backoff.reset()
    if !isSame {
      current = new
      inquiry = nil
      log.write(isNews ? .sourceFetched : .sourceRotated, fields + (credential.expiration.map { [.expires($0)] } ?? []))
    } else {
      current?.expiration = credential.expiration
    }
    if isSame, isNews {
      log.write(.sourceFetched, fields + (credential.expiration.map { [.expires($0)] } ?? []))
    }
    nextFetch = now + wait(untilAfter: credential.expiration)
    arm()
    if !isSame { changed() }
  }

  package static func expired(_ service: String) -> Failure {
    Failure(
      .transient, code: "CredentialExpired",
      advice: "\(service) hands out a credential that has expired; look at it, and at this host's clock")
  }

  private func wait(untilAfter expiration: UTCTime?) -> Duration {
    if current?.refusal != nil { return Self.refusedInterval }
    guard let expiration else { return Self.keyInterval }
    return min(Self.longestWait, max(Self.leastWait, left(expiration) / 2))
  }

  private func fail(_ failure: Failure) {
    let isNews = self.failure?.failure.code != failure.code
    self.failure = (failure, self.failure?.since ?? now)
    let rest = current?.expiration.map { left($0) } ?? (current == nil ? .zero : .hours(1))
    nextFetch = now + backoff.wait(after: judged(failure), headroom: max(.zero, rest), using: &chance)
    let hasCurrent = current.map { !hasLapsed($0) } ?? false
    if isNews {
      log.write(
        hasCurrent ? .sourceNotRenewed : .sourceNotFetched,
        [.source(name), .next(in: nextFetch - now)] + [LogField](failure))
    }
    lapse()
    arm()
  }

  /// While a credential signs, even a permanent failure is asked about soon: it did hand one out.
  private func judged(_ failure: Failure) -> Failure {
    guard current != nil, failure.kind == .permanent else { return failure }
    return Failure(.transient, code: failure.code, httpStatus: failure.httpStatus, advice: failure.advice)
  }

  /// Drops a credential that has lapsed, and says so once.
  private func lapse() {
    guard let current, hasLapsed(current) else { return }
    self.current = nil
    // It has lapsed ahead of its time: the clock was corrected.
    if failure == nil, !isRefusedAgain { nextFetch = now }
    log.write(
      .sourceLapsed,
      [.source(name)] + (failure.map { [LogField]($0.failure) } ?? []))
    stateChanged()
  }

  private func arm() {
    var next = fetch == nil ? nextFetch : nil
    if let end = current?.expiration, isTimeFromServer() {
      let lapse = now + max(.milliseconds(1), left(end) - Self.margin)
      next = next.map { min($0, lapse) } ?? lapse
    }
    if let next { timer.arm(at: next.microseconds) } else { timer.disarm() }
  }

  // MARK: - Reporting

  private var fields: [LogField] { [.source(name), .accessKeyID(current.map { Self.shown($0) } ?? "none")] }

  /// The id of a long-lived key is shown in full only after STS has accepted it.
  private static func shown(_ one: Current) -> String {
    one.signer.securityToken != nil || one.accepted != nil ? one.signer.key.id : one.signer.key.maskedID ?? "not shown"
  }

  private var state: SourceState {
    guard let current, !hasLapsed(current) else { return hasHadOutcome ? .noCredential : .fetching }
    if current.refusal != nil { return .refused }
    if let failure, now - failure.since >= Self.lasting { return .notRenewed }
    return current.accepted == nil ? .unproven : .working
  }

  private func error(_ clock: ServerClock) -> LastError? {
    if let refusal = current?.refusal { return LastError(refusal.failure, since: clock.calendar(at: refusal.since)) }
    return failure.map { LastError($0.failure, since: clock.calendar(at: $0.since)) }
  }

  package func status(clock: ServerClock) -> SourceStatus {
    var status = SourceStatus(
      name: name, type: settings.kind.type.rawValue, state: state, accessKeyID: current.map { Self.shown($0) },
      inUseSince: current.map { clock.calendar(at: $0.since) },
      provenAt: current?.accepted.map { clock.calendar(at: $0.first) },
      lastAcceptedAt: current?.accepted.map { clock.calendar(at: $0.last) }, arn: current?.owner?.arn,
      error: error(clock))
    status.expiresAt = current?.expiration
    return status
  }

  package func forReaders(clock: ServerClock) -> RoleSource {
    RoleSource(name: name, state: state, error: error(clock))
  }

  package var trouble: String? {
    switch state {
    case .refused: "source '\(name)': STS refuses the credential (\(current?.refusal?.failure.code ?? ""))"
    case .notRenewed:
      "source '\(name)': not renewed (\(failure?.failure.code ?? "")), the credential before signs until its end"
    case .noCredential: "source '\(name)': no credential (\(failure?.failure.code ?? "none"))"
    default: nil
    }
  }
}

extension SigningIdentity {
  package init(_ credential: ServedCredential) {
    self.init(
      key: credential.key, securityToken: credential.securityToken,
      provider: credential.securityToken == nil ? "static_ak" : "static_sts")
  }
}
