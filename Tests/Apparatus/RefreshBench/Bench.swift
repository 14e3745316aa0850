import CloudAPI
package import Core
import Glibc
package import Refresh
import Secrets
import SessionStore
package import Settings
package import TestSupport
import Testing

/// A refresher on manual time: nothing happens but by the test's steps.
package final class Bench {
  package let scheduler: VirtualScheduler
  package let observer = ClosureObserver()
  package let cloud = FakeIssuer()
  package let refresher: Refresher
  private var granted: [Granted] = []
  /// What the security tokens begin with; the number of the call follows.
  package var tokenStart = "token"

  /// A secret that came from the cloud, as long as somebody holds it.
  private struct Granted {
    weak var secret: Secret?
  }

  package var heldSecrets: Int { granted.count { $0.secret != nil } }

  package static let wall: Int64 = 1_800_000_000

  package init(rate: Double = 100, burst: Int = 100) throws {
    // Files that tests write end by the host's clock.
    scheduler = VirtualScheduler(wallSeconds: Int64(time(nil)))
    refresher = try Refresher(
      scheduler: scheduler, queue: FetchQueue(rate: rate, burst: burst, at: scheduler.time),
      clock: ServerClock(wallMicroseconds: Self.wall * 1_000_000, at: scheduler.time), attemptLimit: .seconds(15),
      log: LogRecorder().log)
    refresher.setObservers([observer])
    refresher.issuer = cloud
    refresher.checker = cloud
    cloud.answered = { [unowned self] in expectSecretsOfHeldSessionsAlone() }
  }

  deinit { cloud.dropPending() }

  /// The store and the machines hold the same sessions after each step of each test.
  private func expectSecretsOfHeldSessionsAlone() {
    #expect(refresher.holdsExactlyTheMachinesSessions, "the store and the machines hold different sessions")
  }

  package var now: Timestamp { scheduler.time }
  package var serverNow: UTCTime { refresher.clock.now(at: now) }

  package func advance(_ span: Duration) {
    scheduler.time = scheduler.time + span
    refresher.turn()
    expectSecretsOfHeldSessionsAlone()
  }

  package static func role(
    _ name: String, timing: RoleTiming = RoleTiming(maxDuration: .hours(12)), source: String = "main"
  ) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: timing, sessionName: .standard,
      policy: nil,
      externalID: nil, source: source, readers: AccessRule(), outputs: [])
  }

  @discardableResult
  package func add(_ name: String, source: String = "main") -> ManagedRole {
    refresher.add(Self.role(name, source: source))
    return refresher.roles[RoleName(name)!]!
  }

  package func grant(_ id: CallID, life: Duration? = nil) {
    let asked = cloud.orders.first { $0.id == id }?.order.duration ?? .hours(1)
    let end = UTCTime(seconds: serverNow.seconds + (life ?? asked).wholeSeconds)
    let session = AssumedSession(
      accessKeyID: "STS.\(id.number)", accessKeySecret: Secret(copying: Array("secret\(id.number)".utf8).span),
      securityToken: Secret(copying: Array("\(tokenStart)\(id.number)".utf8).span), expiration: end, requestID: nil)
    granted += [Granted(secret: session.accessKeySecret), Granted(secret: session.securityToken)]
    cloud.answer(id, IssueOutcome(result: .granted(session), date: serverNow, sent: now))
  }

  package func grantAll() { for id in cloud.waiting { grant(id) } }

  package func fail(
    _ id: CallID, _ kind: Failure.Kind = .transient, code: String = "Connect", notBefore: Duration? = nil
  ) {
    let failure = Failure(kind, code: code, notBefore: notBefore, advice: "look")
    cloud.answer(id, IssueOutcome(result: .refused(failure), date: serverNow, sent: now))
  }
}
