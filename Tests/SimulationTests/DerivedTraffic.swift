import CloudAPI
import Core
import Refresh
import RefreshBench
import Secrets
import Settings
import TestSupport

@testable import Simulation

/// One role with a session for each user and for each user's scopes, driven by the daemon's own refresher on virtual time: readers who
/// come and go at random, and the modelled STS with its outages. The refresher's own jitter isn't of the seed, so no two runs are alike.
final class DerivedTraffic {
  /// How often a read had each outcome.
  private(set) var reads = (served: 0, unserved: 0, full: 0)
  /// What must never happen and did; the first few.
  private(set) var faults: [String] = []
  /// Calls for derived sessions.
  private(set) var derivedCalls = 0

  private static let most = 4
  private static let users: ClosedRange<UInt32> = 1001...1010
  private static let scopes: [RoleName?] = [nil, RoleName("encode")!, RoleName("list")!]

  private let bench: Bench
  private let role: ManagedRole
  private var sts: ModelledSTS
  private var chance: SeededGenerator
  private var meter: RateMeter
  /// What the host's boot clock reads when the model's reads zero: the host's wall clock is off by as much.
  private let origin: Duration
  /// The calls that STS has been asked, up to this one.
  private var asked = 0
  private var answers: [(at: Timestamp, id: CallID, sent: Timestamp, outcome: ModelledSTS.Outcome)] = []
  private var readers: [UInt32: Timestamp] = [:]
  /// Whom each session was requested for: the user and the policy.
  private var owners: [String: (user: String?, policy: [UInt8]?)] = [:]
  private var hasHadSession = false

  init(seed: UInt64, span: Duration) throws {
    chance = SeededGenerator(seed: seed)
    var settings = Bench.role("shared")
    settings.sessionName = .standardWithUser
    settings.derivation = Derivation(
      DerivedSettings(
        scopes: Self.scopes.compactMap(\.self).map { ScopeSettings(name: $0, policy: Array("\($0)".utf8)) },
        users: UserSessions(most: Self.most, isSourceIdentity: true), idle: .hours(1)))
    // As much as `check` wants for as many sessions as there may be; no setting is lower than the first figure.
    let rate = max(
      TokenBucket.leastRate, (settings.timing.callsPerSecond + settings.derivedCallsPerSecond) / 0.7)
    let burst = Int.random(in: 1...20, using: &chance)
    bench = try Bench(rate: rate, burst: burst)
    meter = RateMeter(rate: rate, burst: burst)
    origin = bench.now - Timestamp(microseconds: 0) - chance.duration(.zero...(.minutes(10)))
    sts = ModelledSTS(Self.scenario(seed, span, using: &chance))
    bench.refresher.add(settings)
    role = bench.refresher.roles[settings.name]!
    for uid in Self.users { readers[uid] = bench.now + chance.duration(.zero...(.hours(1))) }
  }

  private static func scenario(_ seed: UInt64, _ span: Duration, using chance: inout SeededGenerator) -> Scenario {
    var scenario = Scenario(name: "derived", seed: seed, span: span)
    scenario.blips = Double.random(in: 0...0.1, using: &chance)
    scenario.oddDates = Double.random(in: 0...0.05, using: &chance)
    scenario.shortGrants = Double.random(in: 0...0.05, using: &chance)
    // As long as the role itself has to survive one, and with time to settle in between.
    var start = Timestamp(microseconds: 0) + .hours(2)
    while start < Timestamp(microseconds: 0) + span {
      let length = Duration.seconds(Int64.random(in: 1...1200, using: &chance))
      scenario.outages.append(
        Outage(Outage.Kind.allCases.filter(\.isTransient).randomElement(using: &chance)!, at: start, for: length))
      start = start + length + chance.duration(.minutes(90)...(.hours(3)))
    }
    return scenario
  }

  private var now: Timestamp { bench.now }
  /// The server's time as the model has it.
  private var modelTime: Timestamp { now - origin }

  // MARK: - Time

  func run(for span: Duration) {
    let end = now + span
    collectCalls()
    while let next = [readers.values.min(), answers.first?.at, bench.scheduler.nextDeadline].compactMap(\.self).min(),
      next < end
    {
      bench.scheduler.advance(to: max(next, now))
      collectCalls()
      while let answer = answers.first, answer.at <= now {
        answers.removeFirst()
        land(answer.id, answer.sent, answer.outcome)
        collectCalls()
      }
      for (uid, at) in readers.sorted(by: { $0.key < $1.key }) where at <= now {
        read(uid)
        // Or they would be counted when something happens next.
        collectCalls()
      }
    }
  }

  /// Nobody reads any more.
  func sendReadersAway() { readers = [:] }

  var derivedSessions: Int { role.derivedSessions?.members.count ?? 0 }

  private func note(_ fault: String) {
    if faults.count < 5 { faults.append("\(fault) at \(modelTime.microseconds) µs") }
  }

  // MARK: - STS

  private func collectCalls() {
    bench.scheduler.settle()
    let new = bench.cloud.orders[asked...]
    asked = bench.cloud.orders.count
    for (id, order) in new {
      if !meter.allows(at: now) { note("more calls than the rate and the burst allow") }
      if order.sourceIdentity != nil { derivedCalls += 1 }
      owners["STS.\(id.number)"] = (order.sourceIdentity, order.role.policy)
      let answer = sts.answer(role: 0, duration: order.duration, date: order.date, at: modelTime, using: &chance)
      let at = answer.at + origin
      let place = answers.firstIndex { $0.at > at } ?? answers.endIndex
      answers.insert((at, id, now, answer.outcome), at: place)
    }
  }

  private func land(_ id: CallID, _ sent: Timestamp, _ outcome: ModelledSTS.Outcome) {
    // Its session may have been dropped.
    guard bench.cloud.waiting.contains(id) else { return }
    switch outcome {
    case .granted(let expiration, let date):
      let session = AssumedSession(
        accessKeyID: "STS.\(id.number)", accessKeySecret: Secret(copying: Array("secret".utf8).span),
        securityToken: Secret(copying: Array("token".utf8).span), expiration: expiration, requestID: nil)
      bench.cloud.answer(id, IssueOutcome(result: .granted(session), date: date, sent: sent))
    case .refused(let trouble, let date):
      bench.cloud.answer(id, IssueOutcome(result: .refused(trouble.failure), date: date, sent: sent))
    }
  }

  // MARK: - Readers

  private func read(_ uid: UInt32) {
    // Mostly again soon, and sometimes after so long that the session is gone.
    let pause =
      chance.happens(0.97) ? chance.duration(.seconds(1)...(.minutes(6))) : chance.duration(.zero...(.hours(4)))
    readers[uid] = now + pause
    let scope = Self.scopes.randomElement(using: &chance)!
    let key = SessionKey(role: role.name, scope: scope, uid: uid)
    let label = UserLabel(uid: uid, name: uid % 3 == 0 ? nil : "name\(uid)")
    let isLeft = role.serving(at: now) == nil
    if isLeft, hasHadSession { note("the role itself has no session") }
    hasHadSession = !isLeft
    switch bench.refresher.acquire(key, of: role, for: label) {
    case nil: note("there is no session for uid \(uid)")
    case .full: reads.full += 1
    case .session(let session):
      guard let serving = session.serving(at: now) else {
        reads.unserved += 1
        return
      }
      reads.served += 1
      judge(serving, of: session, label, scope)
    }
    if let users = role.derivedSessions?.users(of: scope), users > Self.most { note("\(users) users have a session") }
  }

  private func judge(_ serving: Session, of session: ManagedRole, _ label: UserLabel, _ scope: RoleName?) {
    if ModelledSTS.instant(of: serving.expiration) <= modelTime { note("an expired session is handed out") }
    if bench.refresher.handout(of: serving, for: session) == nil { note("a session has no secrets") }
    let owner = owners[serving.accessKeyID]
    if owner?.user != label.text { note("\(label.text) gets a session of \(owner?.user ?? "nobody")") }
    if owner?.policy != scope.map({ Array("\($0)".utf8) }) { note("\(label.text) gets a session of another scope") }
  }
}
