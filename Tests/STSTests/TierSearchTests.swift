@testable import CloudAPI
import Core
@testable import Identities
import Refresh
import RefreshBench
import TestSupport
import Testing

@testable import STS

/// Roles that the machine which answers has no good session of.
@Suite struct TierSearchTests {
  @Test func `a role that a machine has no session of comes from the next one`() throws {
    let bench = try TierBench(machines: 3)
    let (one, two) = (bench.add("one"), bench.add("two"))
    let absent = Bundle.Entry.absent(Bundle.Absence(code: "NoPermission", retryAfter: nil))
    bench.give(["one": bench.session("a", life: 3000), "two": absent], refresh: .seconds(60))
    // The other role doesn't wait for it.
    #expect(one.accessKeyID == "STS.a" && bench.tier.pending == "tier2" && two.machine.lastFailure == nil)
    bench.give(["one": bench.session("b", life: 3500), "two": bench.session("c", life: 3000)], by: "tier2")
    #expect(two.accessKeyID == "STS.c" && one.accessKeyID == "STS.a" && two.machine.lastFailure == nil)
    #expect(bench.tier.pending == "tier1 \"STS.a+none\" wait 1min", "\(bench.tier.asked)")
    // Its next session comes from there, too.
    bench.advance(.seconds(60))
    bench.confirm()
    #expect(bench.tier.pending == "tier2 \"STS.b+STS.c\"")
    bench.give(["two": bench.session("d", life: 3200)], by: "tier2")
    #expect(two.accessKeyID == "STS.d" && two.generation == 2)
    #expect(bench.logged("another machine").isEmpty)
    // A dead one is reported there.
    bench.refresher.send(.condemned(try #require(two.current).session.id), to: two)
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier2 report two STS.d", "\(bench.tier.asked)")
  }

  @Test func `roles that no machine has are looked for once per round, and seldom`() throws {
    let bench = try TierBench(machines: 3)
    let roles = ["one", "two", "three"].map { bench.add($0) }
    bench.give(["one": bench.session("a", life: 40_000)], refresh: .seconds(60))
    #expect(bench.tier.pending == "tier2")
    bench.give(["one": bench.session("b", life: 40_000)], by: "tier2")
    #expect(bench.tier.pending == "tier3")
    bench.give(["two": .absent(Bundle.Absence(code: "Throttling", retryAfter: nil))], by: "tier3")
    #expect(bench.tier.asked.count == 4 && bench.tier.pending?.contains("wait") == true)
    #expect(roles[1].machine.lastFailure?.code == "Throttling" && roles[2].machine.lastFailure?.code == "RoleNotGiven")
    let end = bench.scheduler.time + .hours(1)
    while bench.scheduler.time < end {
      if bench.tier.pending?.hasPrefix("tier1") == true {
        bench.advance(.seconds(60))
        bench.confirm()
      } else if bench.tier.pending != nil {
        bench.give([:], by: "other")
      } else {
        bench.advance(.seconds(1))
      }
    }
    let others = bench.tier.asked.filter { $0.hasPrefix("tier2") }.count
    #expect((4...20).contains(others), "\(others)")
  }

  @Test func `a machine that is away when a role is looked for is only noted`() throws {
    let bench = try TierBench(machines: 2)
    let two = bench.add("two")
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(60))
    bench.fail()
    #expect(two.machine.lastFailure?.code == "RoleNotGiven" && bench.source.trouble == nil)
    #expect(bench.logged("no machine of the tier").isEmpty)
  }

  /// The first of three machines lacks the role two, and the second one gave its session c, which lives 400 s.
  private func benchWithTwoFromSecond(fallback: Bool = false) throws -> (bench: TierBench, two: ManagedRole) {
    let bench = try TierBench(machines: 3, fallback: fallback)
    let two = bench.add("two", fallback: fallback)
    bench.give([:], refresh: .seconds(60))
    bench.give(["two": bench.session("c", life: 400)], by: "tier2")
    #expect(two.accessKeyID == "STS.c" && bench.tier.pending?.contains("wait") == true)
    return (bench, two)
  }

  private func nextRound(_ bench: TierBench) {
    bench.advance(.seconds(61))
    // A poll that was under way ends with the request.
    bench.confirm()
  }

  @Test func `a role whose machine is lost comes from the one after it, before anything lapses`() throws {
    let (bench, two) = try benchWithTwoFromSecond()
    nextRound(bench)
    #expect(bench.tier.pending == "tier2 \"STS.c\"", "\(bench.tier.asked)")
    bench.fail(code: "TierStatus", status: 503)
    #expect(bench.tier.pending == "tier3", "\(bench.tier.asked)")
    #expect(two.accessKeyID == "STS.c")
    bench.give(["two": bench.session("d", life: 3000)], by: "tier3")
    #expect(two.accessKeyID == "STS.d" && two.machine.lastFailure == nil)
    // The lost one is tried first each time, and what it had isn't taken again.
    nextRound(bench)
    bench.fail(code: "TierStatus", status: 503)
    #expect(bench.tier.pending == "tier3 \"STS.d\"")
    bench.confirm()
    #expect(two.accessKeyID == "STS.d" && two.generation == 2)
  }

  @Test
  func `while no other machine has it, the session of a lost machine serves until it lapses, and then that is said`()
    throws
  {
    let (bench, two) = try benchWithTwoFromSecond()
    for round in 0..<7 {
      bench.advance(.seconds(61))
      if round == 4 {
        #expect(two.accessKeyID == "STS.c")
        let failure = try #require(two.machine.lastFailure)
        #expect(failure.code == "TierMachineLost" && failure.advice.contains("good until"), "\(failure)")
      }
      while let pending = bench.tier.pending, !pending.contains("wait") {
        if pending.hasPrefix("tier2") {
          bench.fail(code: "TierStatus", status: 503)
        } else {
          bench.give([:], by: "x", refresh: .seconds(60))
        }
      }
    }
    #expect(two.current == nil)
    let failure = try #require(two.machine.lastFailure)
    #expect(failure.code == "TierSessionLapsed")
    #expect(
      failure.advice.contains("has lapsed, and the tier's machine tier2 gives none any more (TierStatus)"), "\(failure)"
    )
    #expect(!failure.advice.contains("clock"))
  }

  @Test func `a session that was found dead is replaced by another machine's, and isn't taken again`() throws {
    let (bench, two) = try benchWithTwoFromSecond()
    bench.refresher.send(.condemned(try #require(two.current).session.id), to: two)
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier2 report two STS.c", "\(bench.tier.asked)")
    bench.tier.answer(.reported, date: nil)
    bench.scheduler.settle()
    bench.confirm()
    bench.confirm()
    #expect(bench.tier.pending == "tier3", "the second machine still has the dead one: \(bench.tier.asked)")
    bench.give(["two": bench.session("d", life: 300)], by: "tier3")
    #expect(two.accessKeyID == "STS.d")
    nextRound(bench)
    bench.confirm()
    bench.confirm()
    #expect(two.accessKeyID == "STS.d" && bench.source.condemned.count == 1)
  }

  @Test(arguments: [false, true])
  func `a machine that answers with what has lapsed or is dead lets another one be asked`(_ isDead: Bool) throws {
    let bench = try TierBench(machines: 2)
    let one = bench.add("one")
    bench.give(["one": bench.session("a", life: isDead ? 3000 : 100)], refresh: .seconds(60))
    if isDead {
      bench.refresher.send(.condemned(try #require(one.current).session.id), to: one)
      bench.scheduler.settle()
      bench.tier.answer(.reported, date: nil)
      bench.scheduler.settle()
    } else {
      nextRound(bench)
      bench.advance(.seconds(61))
    }
    bench.confirm()
    #expect(bench.tier.pending == "tier2", "\(bench.tier.asked)")
    bench.give(["one": bench.session("b", life: 2000)], by: "tier2")
    #expect(one.accessKeyID == "STS.b" && one.machine.lastFailure == nil)
    // Back to the first as soon as that has another one that lives longer.
    bench.advance(.seconds(61))
    bench.give(["one": bench.session("e", life: 3600)], refresh: .seconds(60))
    #expect(one.accessKeyID == "STS.e" && bench.tier.pending?.contains("wait") == true)
  }

  @Test func `a role whose machine is lost falls back before its floor, if no other machine has it for a minute`()
    throws
  {
    let (bench, two) = try benchWithTwoFromSecond(fallback: true)
    var least = Duration.hours(1)
    for _ in 0..<390 where bench.cloud.orders.isEmpty {
      bench.advance(.seconds(1))
      while let pending = bench.tier.pending, !pending.contains("wait") {
        if pending.hasPrefix("tier2") {
          bench.fail(code: "TierStatus", status: 503)
        } else {
          bench.give([:], by: "x", refresh: .seconds(60))
        }
      }
      if let current = two.current { least = min(least, current.lapses - bench.scheduler.time) }
    }
    #expect(!bench.cloud.orders.isEmpty, "\(bench.tier.asked)")
    #expect(two.accessKeyID == "STS.c" && least > .zero)
  }
}
