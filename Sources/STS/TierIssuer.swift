import CloudAPI
package import Core
package import Identities
package import Logs
package import Refresh
package import Settings
package import Systemd

/// Answers what roles of a tier ask for from the latest bundle, and sends what other roles ask for to STS.
///
/// While the tier is away, a role with a fallback is fetched from STS before its session is too old: when half of the outage that it must
/// survive has passed, give or take a quarter, so that the hosts that share a session don't all ask STS at once. Until then the role
/// isn't failing. One without any session is fetched at once. A role of which no machine of the tier has had a session for a minute is fetched in
/// the same way, though the tier isn't away.
package final class TierIssuer: SessionIssuer {
  /// A role's session, as it is published.
  package typealias Holding = (session: Session, headroom: Duration)

  /// Numbers of calls that STS's client doesn't give.
  private static let firstCall: UInt64 = 1 << 63

  private let sts: any SessionIssuer
  private let tiers: [String: UpstreamSource]
  private let scheduler: any Scheduler
  private let log: Log
  /// What the role holds; nil if that is nothing.
  private let holding: (RoleName) -> Holding?
  private var calls = TierIssuer.firstCall
  /// What waits for a tier's answer; releasing it ends the wait.
  private var waiting: [CallID: AnyObject] = [:]
  /// A call that has its answer, which is reported in a later turn like all others.
  private typealias Answered = (id: CallID, report: () -> Void)
  private var answered: [Answered] = []
  /// Outcomes being reported, the next one last; a completion may cancel any of them.
  private var reporting: [Answered] = []
  private var reporter: (any Deferral)!
  /// What STS is asked for roles of tiers: our number, and its client's.
  private var direct: [CallID: CallID] = [:]
  private var buckets: [String: TokenBucket] = [:]
  private var fallenBack: Set<RoleName> = []
  private let spread: Double

  /// `hostName` decides where within the outage that roles must survive this host falls back.
  package init(
    sts: any SessionIssuer, tiers: [String: UpstreamSource], keeping old: TierIssuer? = nil, hostName: String,
    scheduler: any Scheduler, log: Log, holding: @escaping (RoleName) -> Holding?
  ) {
    self.sts = sts
    self.tiers = tiers
    self.scheduler = scheduler
    self.log = log
    self.holding = holding
    spread = Double(CRC32C.checksum(of: Array(hostName.utf8).span) % 1000) / 1000
    fallenBack = old?.fallenBack ?? []
    for (name, tier) in tiers {
      guard let fallback = tier.upstream.fallback else { continue }
      var bucket =
        old?.buckets[name]
        ?? TokenBucket(rate: fallback.requestsPerSecond, burst: 1, leastRate: 0.01, at: scheduler.time)
      bucket.set(rate: fallback.requestsPerSecond, burst: 1, at: scheduler.time)
      buckets[name] = bucket
    }
    reporter = scheduler.deferred { [unowned self] in report() }
  }

  package var hasRoom: Bool { sts.hasRoom }
  package func moreWait(_ areWaiting: Bool) { sts.moreWait(areWaiting) }

  package func renewIdentity(of role: RoleSettings) { sts.renewIdentity(of: role) }

  package func askAgain(for role: RoleSettings) { tiers[role.source]?.retry() }

  package func issue(_ request: SessionRequest, completion: @escaping (IssueOutcome) -> Void) -> CallID {
    guard let tier = tiers[request.role.source] else { return sts.issue(request, completion: completion) }
    calls += 1
    let id = CallID(number: calls)
    if request.isReservation {
      answer(id, .refused(.noReservation), completion)
    } else {
      ask(tier, request, id, mayWait: true, completion)
    }
    return id
  }

  package func cancel(_ call: CallID) {
    guard call.number > Self.firstCall else { return sts.cancel(call) }
    waiting[call] = nil
    answered.removeAll { $0.id == call }
    reporting.removeAll { $0.id == call }
    if let asked = direct.removeValue(forKey: call) { sts.cancel(asked) }
  }

  // MARK: - The tier

  private func ask(
    _ tier: UpstreamSource, _ request: SessionRequest, _ id: CallID, mayWait: Bool,
    _ completion: @escaping (IssueOutcome) -> Void
  ) {
    let role = request.role.name
    let held = holding(role)
    switch tier.verdict(on: role, holding: held?.session, mayWait: mayWait) {
    case .session(let session):
      tier.handedOut(session.assumed.accessKeyID, to: role)
      if fallenBack.remove(role) != nil { log.write(.tierRoleReturned, [.role(role), .source(tier.name)]) }
      var outcome = IssueOutcome(result: .granted(session.assumed), date: session.date, sent: session.sent)
      outcome.fromTier = IssueOutcome.FromTier(life: session.life)
      outcome.next = tier.nextForRoles
      answer(id, outcome, completion)
    case .same:
      answer(id, unchanged(until: tier.nextForRoles, date: tier.takeDate()), completion)
    case .pending where mayWait && tier.isAsking:
      waiting[id] = tier.whenAnswered { [unowned self] in
        waiting[id] = nil
        // Others may have their answer before all machines were asked for this role.
        ask(tier, request, id, mayWait: tier.isSearching, completion)
      }
    case .pending: answer(id, .refused(.tierNotAsked), completion)
    case .refused(let failure): fallBack(tier, request, id, after: failure, held, completion)
    }
  }

  private func unchanged(until next: Timestamp, date: (date: UTCTime, sent: Timestamp)? = nil) -> IssueOutcome {
    var outcome = IssueOutcome(
      result: .refused(.tierNotAsked), date: date?.date, sent: date?.sent ?? scheduler.time)
    outcome.fromTier = IssueOutcome.FromTier(isUnchanged: true)
    outcome.next = next
    return outcome
  }

  private func answer(_ id: CallID, _ result: STSAnswer<AssumedSession>, _ completion: @escaping (IssueOutcome) -> Void)
  {
    var outcome = IssueOutcome(result: result, date: nil, sent: scheduler.time)
    outcome.fromTier = IssueOutcome.FromTier()
    answer(id, outcome, completion)
  }

  private func answer(_ id: CallID, _ outcome: IssueOutcome, _ completion: @escaping (IssueOutcome) -> Void) {
    answered.append((id, { completion(outcome) }))
    reporter.schedule()
  }

  /// Calls that are answered meanwhile are reported in the next turn.
  private func report() {
    reporting = answered.reversed()
    answered = []
    while let next = reporting.popLast() { next.report() }
  }

  // MARK: - The fallback

  private func fallBack(
    _ tier: UpstreamSource, _ request: SessionRequest, _ id: CallID, after failure: Failure, _ held: Holding?,
    _ completion: @escaping (IssueOutcome) -> Void
  ) {
    guard let way = request.role.tier?.fallback, tier.upstream.fallback != nil, failure.kind != .permanent else {
      return answer(id, .refused(failure), completion)
    }
    let now = scheduler.time
    if let held, case let until = directRequest(of: request.role, holding: held, from: tier), until > now {
      return answer(id, unchanged(until: min(until, now + .minutes(10))), completion)
    }
    guard tier.isAway || tier.hasLackedLong(request.role.name) else { return answer(id, .refused(failure), completion) }
    guard buckets[tier.name]?.take(at: now) == true else {
      let wait = (buckets[tier.name]?.nextToken(at: now) ?? now) - now
      return answer(id, .refused(failure.postponed(by: max(wait, .milliseconds(100)))), completion)
    }
    askSTS(tier, request, way, id, after: failure, completion)
  }

  /// When a role that holds a session is to be fetched from STS: while it still has a part of the outage that it must survive, and the time
  /// that requests take, before its floor. A session that STS issued for it has served for half its life by then.
  private func directRequest(of role: RoleSettings, holding held: Holding, from tier: UpstreamSource) -> Timestamp {
    let part = Duration.seconds(fraction: role.timing.surviveOutage.inSeconds * (0.25 + 0.5 * spread))
    let due = scheduler.time + held.headroom - part - RoleTiming.outageOverhead
    guard tier.isFromSTS(held.session, of: role.name) else { return due }
    return max(due, held.session.sent + held.session.granted / 2)
  }

  private func askSTS(
    _ tier: UpstreamSource, _ request: SessionRequest, _ way: TierRole.DirectRequest, _ id: CallID,
    after failure: Failure, _ completion: @escaping (IssueOutcome) -> Void
  ) {
    let name = request.role.name
    var role = request.role
    role.source = way.source
    let order = SessionRequest(role: role, slot: 0, duration: way.duration, date: request.date)
    direct[id] = sts.issue(order) { [unowned self] outcome in
      direct[id] = nil
      var outcome = outcome
      outcome.asked = way.duration
      if case .granted(let session) = outcome.result {
        tier.wasReplaced(by: session.accessKeyID, for: name)
        if fallenBack.insert(name).inserted {
          log.write(
            .tierRoleFellBack,
            [.role(name), .source(tier.name), .accessKeyID(session.accessKeyID), .reason(failure.code)])
        }
        outcome.next = tier.nextForRoles
      }
      completion(outcome)
    }
  }
}

extension Failure {
  static let noReservation = Failure(
    .permanent, code: Failure.noReservationCode,
    advice: "the role comes from a tier, which issues no longer sessions for readers who ask for them")

  /// The tier is asked in a moment.
  static let tierNotAsked = Failure(
    .transient, code: Failure.sourceNotReadyCode, advice: "the tier hasn't been asked yet; it is tried again")

  fileprivate func postponed(by wait: Duration) -> Failure {
    Failure(kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: wait, advice: advice)
  }
}
