import Core
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing

/// Roles whose source has no credential yet.
@Suite struct AwaitedSourceTests {
  @Test func `a role waits for its source without an attempt, and goes at once when the source is there`() throws {
    let bench = try Bench()
    var isAwaited = true
    bench.refresher.isAwaited = { source in source == "base" && isAwaited }
    let waiting = bench.add("leaf", source: "base")
    bench.add("other")
    #expect(bench.cloud.orders.map(\.order.role.name) == [RoleName("other")])
    #expect(waiting.waitsForSource && waiting.machine.lastFailure == nil)
    bench.advance(.minutes(2))
    #expect(waiting.machine.lastFailure == nil, "it counts no failure")
    isAwaited = false
    bench.refresher.sourceChanged("base")
    let call = try #require(bench.cloud.orders.last)
    #expect(call.order.role.name == RoleName("leaf") && !waiting.waitsForSource)
    bench.grant(call.id)
    #expect(waiting.current != nil)
  }

  @Test func `a source's first failure lets its roles make their own attempt`() throws {
    let bench = try Bench()
    var isAwaited = true
    bench.refresher.isAwaited = { _ in isAwaited }
    bench.add("leaf", source: "base")
    bench.refresher.releaseHeld(of: "base")
    #expect(bench.cloud.orders.isEmpty, "it is awaited still")
    isAwaited = false
    bench.refresher.releaseHeld(of: "main")
    #expect(bench.cloud.orders.isEmpty, "another source")
    bench.refresher.releaseHeld(of: "base")
    #expect(bench.cloud.orders.count == 1)
  }
}
