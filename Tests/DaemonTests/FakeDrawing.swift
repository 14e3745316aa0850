import CloudAPI
import Core
import Daemon
import Glibc
import Logs
import Secrets
import SessionStore
import Settings
import Systemd
import TestSupport
import Testing

/// A cloud whose answers a test gives by hand.
final class FakeDrawing: SessionDrawing, SessionChecking {
  private(set) var orders: [(id: DrawID, order: DrawOrder)] = []
  private(set) var cancelled: [DrawID] = []
  private(set) var identityRenewals = 0
  var room = 16
  private var pending: [DrawID: (DrawOutcome) -> Void] = [:]
  private var drawn: UInt64 = 0

  var hasRoom: Bool { pending.count < room }
  var waiting: [DrawID] { pending.keys.sorted { $0.number < $1.number } }

  func draw(_ order: DrawOrder, completion: @escaping (DrawOutcome) -> Void) -> DrawID {
    drawn += 1
    let id = DrawID(number: drawn)
    orders.append((id, order))
    pending[id] = completion
    return id
  }

  func cancel(_ draw: DrawID) {
    cancelled.append(draw)
    pending[draw] = nil
    pendingChecks[draw] = nil
  }

  private(set) var saidThatMoreWait: [Bool] = []

  func moreWait(_ areWaiting: Bool) { saidThatMoreWait.append(areWaiting) }

  private(set) var checks: [(id: DrawID, accessKeyID: String)] = []
  private var pendingChecks: [DrawID: (CheckOutcome) -> Void] = [:]

  func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> DrawID {
    drawn += 1
    let id = DrawID(number: drawn)
    checks.append((id, session.accessKeyID))
    pendingChecks[id] = completion
    return id
  }

  /// Answers the latest check.
  func answerCheck(_ outcome: CheckOutcome) {
    checks.last.flatMap { pendingChecks.removeValue(forKey: $0.id) }?(outcome)
    answered()
  }

  /// What nobody will answer any more holds whoever asked.
  func dropPending() {
    pending = [:]
    pendingChecks = [:]
  }

  func renewIdentity(of role: RoleSettings) { identityRenewals += 1 }

  /// Called when an answer has had its effects.
  var answered: () -> Void = {}

  func answer(_ id: DrawID, _ outcome: DrawOutcome) {
    pending.removeValue(forKey: id)?(outcome)
    answered()
  }
}

/// A refresher on manual time: nothing happens but by the test's steps.
final class Bench {
  let scheduler: VirtualScheduler
  let cloud = FakeDrawing()
  let refresher: Refresher
  private var granted: [Granted] = []

  /// A secret that came from the cloud, as long as somebody holds it.
  private struct Granted {
    weak var secret: Secret?
  }

  var heldSecrets: Int { granted.count { $0.secret != nil } }

  static let wall: Int64 = 1_800_000_000

  init(rate: Double = 100, burst: Int = 100) throws {
    // Files that tests write end by the host's clock.
    scheduler = VirtualScheduler(wallSeconds: Int64(time(nil)))
    refresher = try Refresher(
      scheduler: scheduler, queue: FetchQueue(rate: rate, burst: burst, at: scheduler.time),
      clock: ServerClock(wallMicroseconds: Self.wall * 1_000_000, at: scheduler.time), attemptLimit: .seconds(15),
      log: LogRecorder().log)
    refresher.source = cloud
    refresher.checker = cloud
    cloud.answered = { [unowned self] in expectSecretsOfHeldSessionsAlone() }
  }

  deinit { cloud.dropPending() }

  /// The store and the machines hold the same sessions after each step of each test.
  private func expectSecretsOfHeldSessionsAlone() {
    #expect(refresher.holdsExactlyTheMachinesSessions, "the store and the machines hold different sessions")
  }

  var now: Timestamp { scheduler.time }
  var serverNow: UTCTime { refresher.clock.now(at: now) }

  func advance(_ span: Duration) {
    scheduler.time = scheduler.time + span
    refresher.turn()
    expectSecretsOfHeldSessionsAlone()
  }

  static func role(
    _ name: String, timing: RoleTiming = RoleTiming(maxDuration: .hours(12)), source: String = "main"
  ) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: timing, sessionName: .standard,
      policy: nil,
      externalID: nil, source: source, readers: AccessRule(), outputs: [])
  }

  @discardableResult
  func add(_ name: String, source: String = "main") -> KeptRole {
    refresher.add(Self.role(name, source: source))
    return refresher.roles[RoleName(name)!]!
  }

  func grant(_ id: DrawID, life: Duration? = nil) {
    let asked = cloud.orders.first { $0.id == id }?.order.duration ?? .hours(1)
    let end = UTCTime(seconds: serverNow.seconds + (life ?? asked).wholeSeconds)
    let session = AssumedSession(
      accessKeyID: "STS.\(id.number)", accessKeySecret: Secret(copying: Array("secret\(id.number)".utf8).span),
      securityToken: Secret(copying: Array("token\(id.number)".utf8).span), expiration: end, requestID: nil)
    granted += [Granted(secret: session.accessKeySecret), Granted(secret: session.securityToken)]
    cloud.answer(id, DrawOutcome(result: .granted(session), date: serverNow, sent: now))
  }

  func grantAll() { for id in cloud.waiting { grant(id) } }

  func fail(
    _ id: DrawID, _ kind: Failure.Kind = .transient, code: String = "Connect", notBefore: Duration? = nil
  ) {
    let failure = Failure(kind, code: code, notBefore: notBefore, advice: "look")
    cloud.answer(id, DrawOutcome(result: .refused(failure), date: serverNow, sent: now))
  }
}
