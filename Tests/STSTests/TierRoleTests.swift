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

/// Roles that have their sessions from a tier.
@Suite struct TierRoleTests {
  @Test func `one request feeds all roles of a tier, at no cost in calls to STS`() throws {
    let bench = try TierBench()
    let (one, two) = (bench.add("one"), bench.add("two"))
    #expect(bench.tier.asked == ["tier1"] && one.waitsForSource && two.waitsForSource)
    bench.give(["one": bench.session("a", life: 3000), "two": bench.session("b", life: 2000)])
    #expect(one.accessKeyID == "STS.a" && two.accessKeyID == "STS.b" && one.generation == 1)
    #expect(bench.cloud.orders.isEmpty)
    let lines = bench.logged("notice: the tier hands out sessions")
    #expect(lines.count == 1 && lines[0].contains("count=2") && lines[0].contains("endpoint=https://tier1"), "\(lines)")
  }

  @Test func `the bundle is asked for when the tier wishes, and the same session isn't a rotation`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    let session = bench.session("a", life: 3000)
    bench.give(["one": session])
    for _ in 0..<9 {
      #expect(bench.tier.pending == "tier1 \"STS.a\" wait 1min")
      bench.advance(.seconds(60))
      bench.confirm()
    }
    bench.advance(.seconds(60))
    #expect(bench.tier.pending == "tier1 \"STS.a\"", "\(bench.tier.asked)")
    bench.confirm()
    bench.advance(.seconds(10))
    #expect(role.generation == 1 && role.machine.lastFailure == nil)
    #expect(role.machine.lastSuccess.map { bench.scheduler.time - $0 < .seconds(10) } == true)
  }

  @Test func `another session in the bundle is handed out at once, under the host's own generations`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.advance(.seconds(60))
    bench.give(["one": bench.session("b", life: 3000)])
    #expect(role.accessKeyID == "STS.b" && role.generation == 2)
    #expect(bench.refresher.holdsExactlyTheMachinesSessions)
  }

  @Test func `what a session lives is judged by the tier's time`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    let left = try #require(role.current).session.expires - bench.scheduler.time
    #expect(left <= .seconds(3000) && left > .seconds(2990))
    #expect(bench.refresher.clock.estimate.isFromServer)
  }

  /// The second role would otherwise confirm what the first one has from the same answer.
  @Test func `one bundle's date counts once, however many roles it has`() throws {
    let bench = try TierBench()
    for name in ["one", "two", "three"] { bench.add(name) }
    let roles = ["one": "a", "two": "b", "three": "c"].mapValues { bench.session($0, life: 3000) }
    bench.give(roles, ahead: 300)
    #expect(!bench.refresher.clock.estimate.isFromServer)
    // It is asked for again, and agrees.
    #expect(bench.tier.pending == "tier1 \"STS.a+STS.c+STS.b\"", "\(bench.tier.asked)")
    bench.tier.answer(.unchanged(refreshAfter: nil), date: UTCTime(seconds: bench.serverNow.seconds + 300))
    bench.scheduler.settle()
    #expect(bench.refresher.clock.estimate.isFromServer)
  }

  // MARK: - Machines

  @Test func `the next machine is asked when one fails, and the first one again when the bundle is due`() throws {
    let bench = try TierBench(machines: 2)
    let role = bench.add("one")
    bench.fail()
    #expect(bench.tier.pending == "tier2")
    bench.give(["one": bench.session("a", life: 3000)], by: "tier2", refresh: .seconds(30))
    #expect(role.accessKeyID == "STS.a" && bench.tier.pending == "tier2 \"STS.a\" wait 30s")
    bench.advance(.seconds(30))
    // The ETag is the other machine's.
    #expect(bench.tier.pending == "tier1")
    let line = try #require(bench.logged("hands out sessions").first)
    #expect(line.contains("endpoint=https://tier2") && line.contains("reason=https://tier1 Connect"), "\(line)")
  }

  /// Machines have sessions of their own: with each move readers would get another one that lives no longer.
  @Test func `another machine's session counts only if it ends later`() throws {
    let bench = try TierBench(machines: 2)
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(30))
    bench.advance(.seconds(31))
    bench.fail()
    bench.give(["one": bench.session("b", life: 2000)], by: "tier2", refresh: .seconds(30))
    #expect(role.accessKeyID == "STS.a" && role.machine.lastFailure == nil)
    bench.advance(.seconds(31))
    bench.fail()
    bench.give(["one": bench.session("c", life: 3500)], by: "tier2", refresh: .seconds(30))
    #expect(role.accessKeyID == "STS.c")
  }

  @Test func `a session that a machine replaces by one that ends sooner was condemned there`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.give(["one": bench.session("standby", life: 1500)])
    #expect(role.accessKeyID == "STS.standby" && role.generation == 2)
  }

  @Test func `a report of the first machine's return has no count and names it as the first`() throws {
    let bench = try TierBench(machines: 2)
    bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(60))
    bench.advance(.seconds(60))
    bench.fail()
    bench.give(["one": bench.session("b", life: 3000)], by: "tier2", refresh: .seconds(60))
    bench.advance(.seconds(61))
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(60))
    let (other, first) = (bench.logged("another machine of the tier"), bench.logged("the first machine of the tier"))
    #expect(other.count == 1 && other[0].contains("https://tier2") && !other[0].contains("count="), "\(other)")
    #expect(first.count == 1 && first[0].contains("https://tier1") && !first[0].contains("count="), "\(first)")
  }

  // MARK: - Failures

  /// A wrong path rolled out to a fleet would otherwise send every host to STS at once.
  @Test func `files of this host that can't be used are its own failure, and no machine's`() throws {
    let bench = try TierBench(machines: 2, fallback: true)
    let role = bench.add("one", fallback: true)
    bench.fail(.permanent, code: "TierFiles")
    #expect(bench.tier.asked == ["tier1"] && role.machine.lastFailure?.code == "TierFiles")
    #expect(bench.logged("error: the tier isn't asked, since files of this host can't be used").count == 1)
    #expect(bench.logged("no machine").isEmpty && bench.logged("no sessions").isEmpty)
    #expect(
      bench.source.trouble == "source 'tier': the tier isn't asked, since files of this host can't be used (TierFiles)")
    #expect(bench.source.records.allSatisfy { $0.failures == 0 })
    bench.advance(.seconds(61))
    #expect(bench.tier.asked.count > 1 && bench.cloud.orders.isEmpty)
  }

  @Test func `a tier whose own certificate isn't accepted is named so`() throws {
    let bench = try TierBench()
    bench.add("one")
    bench.fail(.transient, code: "TLSVerification")
    #expect(bench.logged("error: the tier's certificate isn't accepted").count == 1 && bench.logged("gives").isEmpty)
  }

  /// It was taken from the bundle that was held, although the next one, under way, has a longer one.
  @Test func `a session that couldn't be used isn't tried again before the tier has answered`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 10)])
    #expect(role.machine.lastFailure?.code == "SessionTooShort")
    bench.refresher.refresh(role)
    bench.scheduler.settle()
    #expect(role.machine.isUnderWay && bench.tier.pending == "tier1 \"STS.a\"")
    bench.give(["one": bench.session("b", life: 3000)])
    #expect(role.accessKeyID == "STS.b" && role.outcomes["SessionTooShort"] == nil)
  }

  @Test func `while no machine answers, the last good session is kept until it lapses`() throws {
    let bench = try TierBench(machines: 2)
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 1000)], refresh: .seconds(60))
    var requests = 0
    while role.accessKeyID != nil, requests < 500 {
      if bench.tier.pending != nil {
        requests += 1
        bench.fail()
      } else {
        bench.advance(.seconds(1))
      }
    }
    #expect(bench.scheduler.time - Timestamp(microseconds: 1_000_000_000) > .seconds(980))
    // Both machines, by the source's back-off alone: the role's own attempts ask nothing.
    #expect(requests < 120, "\(requests)")
    #expect(role.machine.lastFailure?.code == "Connect" && bench.source.trouble != nil)
    #expect(bench.logged("no machine of the tier answers").count == 1, "\(bench.journal.all)")
    while bench.tier.pending?.hasPrefix("tier1") != true {
      if bench.tier.pending != nil { bench.fail() } else { bench.advance(.seconds(1)) }
    }
    bench.give(["one": bench.session("b", life: 3000)])
    #expect(role.accessKeyID == "STS.b" && role.machine.lastFailure == nil && bench.source.trouble == nil)
  }

  @Test func `a role that the tier doesn't give this host is refused for good, until it does`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["other": bench.session("a", life: 3000)], refresh: .seconds(60))
    let failure = try #require(role.machine.lastFailure)
    #expect(failure.kind == .permanent && failure.code == "RoleNotGiven")
    #expect(failure.advice.contains("doesn't give this host, which it knows as 'web7', the role 'one'"))
    bench.advance(.seconds(61))
    bench.give(["one": bench.session("b", life: 3000)])
    #expect(role.accessKeyID == "STS.b")
  }

  @Test func `a role without a session on the tier has the tier's code, and keeps its own session`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(60))
    bench.advance(.seconds(61))
    bench.give(["one": .absent(Bundle.Absence(code: "NoPermission", retryAfter: .seconds(30)))])
    bench.advance(.seconds(10))
    #expect(role.machine.lastFailure?.code == "NoPermission" && role.accessKeyID == "STS.a")
  }

  @Test func `a host that is refused says so, as an error`() throws {
    let bench = try TierBench(machines: 2)
    let role = bench.add("one")
    for _ in 0..<2 { bench.fail(.permanent, code: "TierForbidden", status: 403) }
    #expect(role.machine.lastFailure?.kind == .permanent && role.machine.lastFailure?.code == "TierForbidden")
    #expect(bench.logged("error: the tier gives this host no sessions").count == 1)
    #expect(bench.source.trouble == "source 'tier': the tier refuses this host (TierForbidden)")
  }

  @Test func `of several machines' failures, the one that a person has to fix is named`() {
    func failure(_ kind: Failure.Kind, _ code: String) -> Failure { Failure(kind, code: code, advice: "of \(code)") }
    let mixed = Failure(ofMachines: [failure(.transient, "Connect"), failure(.permanent, "TierForbidden")])
    #expect(mixed.kind == .transient && mixed.code == "TierForbidden")
    #expect(mixed.advice == "of TierForbidden; the other machines gave no bundle either (Connect)")
    let refused = Failure(ofMachines: [failure(.permanent, "A"), failure(.permanent, "A")])
    #expect(refused.kind == .permanent && refused.advice == "of A")
    let untrusted = Failure(ofMachines: [failure(.transient, "Connect"), failure(.transient, "TLSVerification")])
    #expect(untrusted.code == "TLSVerification")
  }

  // MARK: - Polls

  /// A reload of the tier ends all polls early. The host had none then until its next bundle, in which a dead session stayed.
  @Test func `a poll that ends early is followed by another one within half a minute`() throws {
    let bench = try TierBench()
    bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.advance(.seconds(1))
    bench.confirm()
    #expect(bench.tier.pending == nil)
    bench.advance(.seconds(31))
    #expect(bench.tier.pending == "tier1 \"STS.a\" wait 1min")
    #expect(bench.tier.asked.count == 3)
  }

  @Test func `a machine that never holds a poll back is asked seldom`() throws {
    let bench = try TierBench()
    bench.add("one")
    bench.give(["one": bench.session("a", life: 40_000)])
    let end = bench.scheduler.time + .hours(1)
    let before = bench.tier.asked.count
    while bench.scheduler.time < end {
      if bench.tier.pending != nil { bench.confirm() } else { bench.advance(.seconds(1)) }
    }
    #expect((12...32).contains(bench.tier.asked.count - before), "\(bench.tier.asked.count - before)")
  }

  @Test func `a poll that fails is followed by a request within half a minute, a second one within a minute`() throws {
    let bench = try TierBench()
    bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.fail()
    #expect(bench.tier.pending == nil)
    bench.advance(.seconds(30))
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
    bench.confirm()
    #expect(bench.tier.pending == "tier1 \"STS.a\" wait 1min")
    bench.fail()
    bench.advance(.seconds(29))
    #expect(bench.tier.pending == nil && bench.logged("no machine").isEmpty)
    bench.advance(.seconds(31))
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
  }

  /// The polls of the machines end one after the other. Nothing was logged until the bundle was due.
  @Test func `a tier whose machines die one after the other is missed within half a minute`() throws {
    let bench = try TierBench(machines: 2)
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.fail()
    bench.advance(.seconds(30))
    bench.fail()
    bench.give(["one": bench.session("b", life: 3000)], by: "tier2")
    #expect(bench.tier.pending?.hasPrefix("tier2") == true && bench.tier.pending?.contains("wait") == true)
    bench.fail()
    bench.advance(.seconds(30))
    bench.fail()
    bench.fail()
    #expect(bench.logged("no machine of the tier answers").count == 1 && role.accessKeyID != nil)
  }

  @Test func `a machine whose bundles are always others isn't polled without end`() throws {
    let bench = try TierBench()
    bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    for id in ["b", "c", "d"] {
      #expect(bench.tier.pending?.contains("wait") == true)
      bench.give(["one": bench.session(id, life: 3000)])
    }
    #expect(bench.tier.pending == nil)
    bench.advance(.seconds(600))
    #expect(bench.tier.pending == "tier1 \"STS.d\"")
  }

  @Test func `an administrator's refresh asks the tier at once`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.refresher.refresh(role)
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
    bench.give(["one": bench.session("b", life: 3500)])
    #expect(role.accessKeyID == "STS.b")
  }

  // MARK: - Dead sessions

  @Test func `a dead session is reported to the tier, and not handed out again`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    let dead = try #require(role.current).session.id
    bench.refresher.send(.condemned(dead), to: role)
    bench.scheduler.settle()
    #expect(role.accessKeyID == nil && bench.tier.pending == "tier1 report one STS.a")
    bench.tier.answer(.reported, date: nil)
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
    // The tier is still looking at it.
    bench.confirm()
    #expect(role.accessKeyID == nil && role.machine.lastFailure?.code == "TierSessionDead")
    #expect(bench.tier.pending == "tier1 \"STS.a\" wait 1min")
    bench.advance(.seconds(2))
    bench.give(["one": bench.session("b", life: 1000)])
    #expect(role.accessKeyID == "STS.b")
  }

  /// A host that doesn't reach STS kept a dead session until its tier found out by itself.
  @Test func `a session that can't be checked here is reported to the tier, and kept until that has another one`()
    throws
  {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.source.passOn("STS.a", of: role.name)
    #expect(bench.tier.pending == "tier1 report one STS.a" && role.accessKeyID == "STS.a")
    bench.tier.answer(.reported, date: nil)
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
    bench.give(["one": bench.session("b", life: 1000)])
    #expect(role.accessKeyID == "STS.b" && bench.tier.pending == "tier1 \"STS.b\" wait 1min")
    // What isn't taken is forgotten with the session.
    bench.source.passOn("STS.b", of: role.name)
    bench.fail()
    bench.give(["one": bench.session("c", life: 1000)])
    bench.source.retry()
    bench.scheduler.settle()
    #expect(bench.tier.pending == "tier1 \"STS.c\"", "\(bench.tier.asked)")
  }

  @Test func `a report that a machine doesn't take is sent again with the next request`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)], refresh: .seconds(60))
    bench.refresher.send(.condemned(try #require(role.current).session.id), to: role)
    bench.scheduler.settle()
    bench.fail()
    #expect(bench.tier.pending == "tier1 \"STS.a\"")
    bench.confirm()
    bench.advance(.seconds(61))
    #expect(bench.tier.pending == "tier1 report one STS.a", "\(bench.tier.asked)")
  }

  // MARK: - Floors

  @Test func `a floor that the tier can't hold is warned of once, with the figures`() throws {
    let bench = try TierBench()
    bench.add("one")
    // 600 + 300 + 600 + 10 + 60 + 10 + 1
    bench.give(["one": bench.session("a", life: 3000, shortest: .seconds(1580))])
    bench.give(["one": bench.session("b", life: 3000, shortest: .seconds(1580))])
    #expect(
      bench.logged("the tier can't hold the role's floor").map {
        $0.contains("live at least 26min20s") && $0.contains("write floor = \"4min\", or survive_outage = \"9min\"")
      } == [true],
      "\(bench.journal.all)")
    let other = try TierBench()
    other.add("one")
    other.give(["one": other.session("a", life: 3000, shortest: .seconds(1581))])
    #expect(other.logged("the tier can't hold").isEmpty)
  }

  // MARK: - Restarts

  @Test func `a role that was handed over keeps its session and generation, and asks for no other one`() throws {
    let bench = try TierBench()
    let role = try bench.resume("one", life: 3000)
    #expect(role.accessKeyID == "STS.a" && role.generation == 7)
    bench.give(["one": bench.session("a", life: 3000)])
    #expect(role.accessKeyID == "STS.a" && role.generation == 7)
    bench.give(["one": bench.session("b", life: 3000)])
    #expect(role.accessKeyID == "STS.b" && role.generation == 8)
  }

  /// Its next attempt followed from its session's life, so that it seemed well for half an hour.
  @Test func `a role that was handed over fails once no machine has answered the first request`() throws {
    let bench = try TierBench()
    let role = try bench.resume("one", life: 3000)
    bench.fail()
    bench.advance(.seconds(2))
    #expect(role.machine.lastFailure?.code == "Connect" && role.accessKeyID == "STS.a")
  }

  /// After a reload with other settings of the source, any session replaced the one that was held.
  @Test func `a source with other settings knows from which machine sessions came, and which are dead`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.add("two")
    bench.give(["one": bench.session("a", life: 3000), "two": bench.session("b", life: 3000)])
    let successor = try bench.successor()
    #expect(
      successor.origins[role.name]?.tier == "tier1" && successor.origins[role.name]?.accessKeyID == role.accessKeyID)
    let two = try #require(bench.refresher.roles[RoleName("two")!])
    bench.refresher.send(.condemned(try #require(two.current).session.id), to: two)
    bench.scheduler.settle()
    #expect(try bench.successor().condemned == [two.name: "STS.b"])
  }

  // MARK: - Reservations

  @Test func `a tier issues no longer sessions for a reader`() throws {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    bench.refresher.send(.reservationRequested(.hours(2)), to: role)
    bench.advance(.seconds(1))
    #expect(bench.cloud.orders.isEmpty && role.accessKeyID == "STS.a")
    #expect(role.machine.reserved == nil && role.outcomes["NoReservation"] == 1)
  }

  /// `get --min-ttl 3h` was asked to try again in a minute, for ever.
  @Test func `a reader that asks for more than the tier's sessions live is refused for good, with the true limit`()
    throws
  {
    let bench = try TierBench()
    let role = bench.add("one")
    bench.give(["one": bench.session("a", life: 3000)])
    let now = bench.scheduler.time
    func offer(_ least: Duration, wait: Duration = .zero) -> Offer {
      role.machine.offer(to: ReaderQuery(minTTL: least, since: now, deadline: now + wait), at: now)
    }
    #expect(offer(.hours(3)) == .tooLong(most: .seconds(3540)))
    #expect(offer(.seconds(3541)) == .tooLong(most: .seconds(3540)))
    let held = try #require(role.current).session
    #expect(offer(.seconds(2900)) == .session(held))
    // The next one may live so long.
    #expect(offer(.seconds(3500)) == .notInTime(next: role.machine.nextAttempt, failure: nil))
    #expect(offer(.seconds(3500), wait: .hours(1)) == .wait)
  }
}
