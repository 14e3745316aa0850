@testable import CloudAPI
import Core
@testable import Identities
import Refresh
import RefreshBench
import Secrets
import Settings
import TestSupport
import Testing

@testable import STS

/// Roles of a tier that are fetched from STS while the tier is away.
@Suite struct TierFallbackTests {
  private func grant(_ bench: TierBench, life: Int64 = 3600) throws {
    let id = try #require(bench.cloud.waiting.first)
    let end = UTCTime(seconds: bench.serverNow.seconds + life)
    let session = AssumedSession(
      accessKeyID: "STS.direct\(id.number)", accessKeySecret: Secret(copying: Array("s".utf8).span),
      securityToken: Secret(copying: Array("t".utf8).span), expiration: end, requestID: nil)
    bench.cloud.answer(
      id, IssueOutcome(result: .granted(session), date: bench.serverNow, sent: bench.scheduler.time))
    bench.scheduler.settle()
  }

  /// Lets `span` pass while the tier is away.
  private func beAway(_ bench: TierBench, _ span: Duration, until isDone: () -> Bool = { false }) {
    let end = bench.scheduler.time + span
    while bench.scheduler.time < end, !isDone() {
      if bench.tier.pending != nil { bench.fail() } else { bench.advance(.seconds(1)) }
    }
  }

  @Test func `while its session is good, a role with a fallback doesn't fail and asks nobody`() throws {
    let bench = try TierBench(fallback: true)
    let role = bench.add("one", fallback: true)
    // A floor of 5 min and 10 min of outage.
    bench.give(["one": bench.session("a", life: 1800)], refresh: .seconds(60))
    // At the earliest with 7.5 min and 75 s of headroom left.
    beAway(bench, .seconds(1800 - 300 - 525 - 30))
    #expect(bench.cloud.orders.isEmpty && role.machine.lastFailure == nil && role.accessKeyID == "STS.a")
    #expect(bench.logged("no machine of the tier answers").count == 1)
  }

  @Test func `before its floor it is fetched from STS, by the source with the AccessKey, and goes back`() throws {
    let bench = try TierBench(fallback: true)
    let role = bench.add("one", fallback: true)
    bench.give(["one": bench.session("a", life: 1800)], refresh: .seconds(60))
    beAway(bench, .seconds(1800)) { !bench.cloud.waiting.isEmpty }
    let order = try #require(bench.cloud.orders.first?.order)
    #expect(order.role.source == "main" && order.duration == .hours(1))
    let headroom = role.machine.headroom(at: bench.scheduler.time)
    #expect(headroom > .seconds(215) && headroom < .seconds(535), "\(headroom)")
    try grant(bench)
    #expect(role.accessKeyID == "STS.direct1" && role.generation == 2)
    #expect(bench.logged("the role is fetched from STS until the tier has a session of it again").count == 1)
    beAway(bench, .seconds(600))
    #expect(bench.cloud.orders.count == 1 && role.machine.lastFailure == nil)
    // The tier is back, with a session that ends sooner, then with one that ends later.
    while bench.tier.pending == nil { bench.advance(.seconds(1)) }
    bench.give(["one": bench.session("b", life: 1200)], refresh: .seconds(60))
    #expect(role.accessKeyID == "STS.direct1")
    bench.give(["one": bench.session("c", life: 3500)], refresh: .seconds(60))
    #expect(role.accessKeyID == "STS.c" && role.generation == 3)
    #expect(bench.logged("the role comes from the tier again").count == 1)
  }

  @Test func `without any session a role falls back at once, at a rate of its own`() throws {
    let bench = try TierBench(fallback: true)
    for index in 0..<4 { bench.add("r\(index)", fallback: true) }
    let start = bench.scheduler.time
    beAway(bench, .seconds(4)) { !bench.cloud.waiting.isEmpty }
    #expect(bench.cloud.orders.count == 1)
    while bench.refresher.rolesInOrder.contains(where: { $0.accessKeyID == nil }) {
      try #require(bench.scheduler.time - start < .minutes(20))
      if bench.cloud.waiting.isEmpty { beAway(bench, .seconds(1)) } else { try grant(bench) }
    }
    #expect(bench.cloud.orders.count == 4)
    // 0.2 a second.
    #expect(bench.scheduler.time - start >= .seconds(15))
  }

  /// Its next attempt followed from how long its session lives, which was after the floor.
  @Test func `a role that was handed over falls back in time, while the tier is away`() throws {
    let bench = try TierBench(fallback: true)
    let role = try bench.resume("one", life: 1800, fallback: true)
    beAway(bench, .seconds(1800)) { !bench.cloud.waiting.isEmpty }
    let headroom = role.machine.headroom(at: bench.scheduler.time)
    #expect(headroom > .seconds(215) && headroom < .seconds(535), "\(headroom)")
    #expect(role.machine.lastFailure == nil && role.accessKeyID == "STS.a")
  }

  /// STS was called "while the tier is away", which it wasn't.
  @Test func `a role that one machine lacks falls back only if for a minute no machine has it`() throws {
    let bench = try TierBench(machines: 2, fallback: true)
    let role = bench.add("one", fallback: true)
    let absent = ["one": Bundle.Entry.absent(Bundle.Absence(code: "NoPermission", retryAfter: nil))]
    bench.give(absent)
    bench.give(absent, by: "tier2")
    bench.advance(.seconds(50))
    #expect(bench.cloud.orders.isEmpty && role.machine.lastFailure?.code == "NoPermission")
    bench.advance(.seconds(70))
    #expect(bench.cloud.orders.count == 1)
    try grant(bench)
    #expect(role.accessKeyID == "STS.direct1")
    let since = bench.source.directSince(try #require(role.current).session, of: role.name)
    #expect(since == bench.scheduler.time)
  }

  @Test func `a host that the tier refuses doesn't fall back, nor does a role without a fallback`() throws {
    let bench = try TierBench(fallback: true)
    bench.add("one", fallback: true)
    bench.fail(.permanent, code: "TierForbidden", status: 403)
    bench.advance(.seconds(20))
    #expect(bench.cloud.orders.isEmpty)
    let other = try TierBench(fallback: true)
    other.add("one")
    beAway(other, .seconds(30))
    #expect(other.cloud.orders.isEmpty)
  }

  /// It isn't the tier's, so the tier would look for it in vain.
  @Test func `a session of STS's own that is found dead isn't reported to the tier`() throws {
    let bench = try TierBench(fallback: true)
    let role = bench.add("one", fallback: true)
    beAway(bench, .seconds(5)) { !bench.cloud.waiting.isEmpty }
    try grant(bench)
    bench.refresher.send(.condemned(try #require(role.current).session.id), to: role)
    bench.scheduler.settle()
    #expect(!bench.tier.asked.contains { $0.contains("report") })
  }
}
