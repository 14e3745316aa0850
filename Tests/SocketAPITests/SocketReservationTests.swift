import Core
import HTTPServer
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Readers that need a longer session than the pool has.
@Suite struct SocketReservationTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  private var asked: [Duration] { bench.cloud.orders.map(\.order.duration) }

  @Test func `a longer session is fetched half a second after the request, and logged without a generation`()
    throws
  {
    let role = bench.add("a")
    let reader = bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(499))
    #expect(bench.cloud.orders.count == 1)
    bench.advance(.milliseconds(1))
    // A quarter and a minute more, so that others can share it.
    #expect(asked == [.hours(1), .seconds(9060)] && reader.isOpen)
    bench.refresh.grantAll()
    let reply = try #require(reader.reply)
    #expect(reply.accessKeyID == "STS.2" && reply.field("Rolekeeper-Generation") == nil)
    #expect(bench.lines.all.last?.contains("access_key_id=STS.2 generation=none") == true)
    #expect(bench.service.reservations == [.fetched: 1])
    #expect(role.current?.session.accessKeyID == "STS.1", "plain reads stay with the pool")
    // It is held, and serves others at once.
    #expect(bench.read("a", "?min_ttl=7200&wait=0", SocketBench.other).reply?.accessKeyID == "STS.2")
    #expect(bench.service.reservations == [.fetched: 1] && bench.cloud.orders.count == 2)
  }

  @Test func `simultaneous readers share one fetch, of the longest requested duration`() {
    bench.add("a")
    let first = bench.read("a", "?min_ttl=7200")
    let same = bench.read("a", "?min_ttl=7200", SocketBench.other)
    bench.advance(.milliseconds(200))
    let longer = bench.read("a", "?min_ttl=10800", SocketBench.other)
    bench.advance(.milliseconds(300))
    #expect(asked == [.hours(1), .seconds(13560)])
    bench.refresh.grantAll()
    #expect([first, same, longer].map { $0.reply?.accessKeyID } == ["STS.2", "STS.2", "STS.2"])
    #expect(bench.service.reservations == [.fetched: 1])
  }

  @Test func `a reader that doesn't wait triggers the fetch and asks again`() {
    bench.add("a")
    let reader = bench.read("a", "?min_ttl=7200&wait=0")
    #expect(reader.problem?.kind == .noSession && reader.problem?.retryAfter == .seconds(2))
    #expect(reader.problem?.detail.hasSuffix("was requested, and its fetch waits for its turn; ask again") == true)
    bench.advance(.milliseconds(500))
    bench.refresh.grantAll()
    #expect(bench.read("a", "?min_ttl=7200&wait=0").reply?.accessKeyID == "STS.2")
  }

  @Test func `without wait= a reader with min_ttl waits ten seconds`() {
    bench.add("a")
    let reader = bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(9999))
    #expect(reader.isOpen)
    bench.advance(.milliseconds(1))
    #expect(reader.problem?.kind == .noSession && reader.problem?.retryAfter == .seconds(2))
    #expect(reader.problem?.detail.hasSuffix("a session long enough for role 'a' is being fetched; ask again") == true)
    bench.refresh.grantAll()
    #expect(reader.replies.count == 1)
  }

  @Test func `more than the role can provide is refused with the maximum`() throws {
    bench.add("a")
    bench.add("b", timing: RoleTiming(maxDuration: .hours(2)))
    let most = try #require(bench.read("a", "?min_ttl=43141").problem)
    #expect(most.kind == .tooLong && most.maxTTL == .seconds(43140))
    #expect(most.detail.hasSuffix("since STS issues no longer sessions"))
    let configured = try #require(bench.read("b", "?min_ttl=7200").problem)
    #expect(configured.maxTTL == .seconds(7140) && configured.detail.hasSuffix("by its 'max_duration'"))
    #expect(bench.service.reservations == [.tooLong: 2])
    #expect(bench.read("a", "?min_ttl=43140").isOpen)
  }

  @Test func `a role has one fetch for a reservation a minute`() {
    bench.add("a")
    bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(500))
    bench.refresh.grantAll()
    bench.advance(.seconds(5))
    let impatient = bench.read("a", "?min_ttl=20000&wait=54")
    #expect(impatient.problem?.kind == .tooManyReservations && impatient.problem?.retryAfter == .seconds(56))
    #expect(impatient.reply?.field("Retry-After") == "56")
    #expect(impatient.problem?.detail == "there may be one fetch for a reservation per role and minute")
    #expect(bench.service.reservations == [.fetched: 1, .tooMany: 1])
    let patient = bench.read("a", "?min_ttl=20000&wait=60")
    bench.advance(.milliseconds(54_999))
    #expect(asked.count == 2 && patient.isOpen)
    bench.advance(.milliseconds(1))
    #expect(asked.last == .seconds(25060))
    bench.refresh.grantAll()
    #expect(patient.reply?.accessKeyID == "STS.3")
  }

  /// Five roles, and a user for whom four of them have made a fetch.
  private func useUpTheLimit() {
    for number in 1...5 { bench.add("r\(number)") }
    for number in 1...4 { bench.read("r\(number)", "?min_ttl=7200&wait=0") }
    bench.advance(.milliseconds(500))
    #expect(bench.cloud.orders.count == 9)
    bench.refresh.grantAll()
    bench.advance(.milliseconds(9500))
  }

  @Test func `a user has four fetches for reservations a minute`() {
    useUpTheLimit()
    let impatient = bench.read("r5", "?min_ttl=7200&wait=49")
    #expect(impatient.problem?.kind == .tooManyReservations && impatient.problem?.retryAfter == .seconds(51))
    #expect(impatient.problem?.detail == "there may be four fetches for reservations per user and minute")
    let patient = bench.read("r5", "?min_ttl=7200&wait=60")
    bench.advance(.seconds(50))
    #expect(patient.isOpen && bench.cloud.orders.count == 9)
    bench.advance(.milliseconds(500))
    #expect(bench.cloud.orders.count == 10)
    bench.refresh.grantAll()
    #expect(patient.reply?.accessKeyID == "STS.10")
    #expect(bench.service.reservations == [.fetched: 5, .tooMany: 1])
  }

  @Test func `the limit is per user, and joining a fetch doesn't count`() {
    useUpTheLimit()
    let other = bench.read("r5", "?min_ttl=7200", SocketBench.other)
    let joins = bench.read("r5", "?min_ttl=10800")
    bench.advance(.milliseconds(500))
    #expect(asked.last == .seconds(13560))
    bench.refresh.grantAll()
    #expect([other, joins].map { $0.reply?.accessKeyID } == ["STS.10", "STS.10"])
  }

  @Test func `a reader whose limit ends only at its deadline triggers no fetch`() {
    for number in 1...5 { bench.add("r\(number)") }
    for number in 1...4 { bench.read("r\(number)", "?min_ttl=7200&wait=0") }
    let late = bench.read("r5", "?min_ttl=7200&wait=60")
    bench.advance(.milliseconds(500))
    bench.refresh.grantAll()
    bench.advance(.milliseconds(59_500))
    #expect(late.problem?.kind == .noSession)
    bench.advance(.seconds(2))
    #expect(bench.cloud.orders.count == 9)
  }

  @Test func `a permanent refusal is the answer to all readers that waited for it`() {
    bench.add("a")
    let readers = [bench.read("a", "?min_ttl=7200"), bench.read("a", "?min_ttl=7200", SocketBench.other)]
    bench.advance(.milliseconds(500))
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    for reader in readers {
      #expect(reader.problem?.kind == .noSession && reader.problem?.code == "NoPermission")
      #expect(reader.problem?.retryAfter == .seconds(61))
      #expect(reader.problem?.detail == "role 'a': no session of 2h; the last attempt failed: NoPermission: look")
    }
    #expect(bench.service.reservations == [.failed: 1])
  }

  @Test func `a duration that STS refuses is refused with what the pool has`() {
    bench.add("a")
    let reader = bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(500))
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "InvalidParameter.DurationSeconds")
    #expect(reader.problem?.kind == .tooLong && reader.problem?.maxTTL == .seconds(3540))
    #expect(reader.problem?.code == "InvalidParameter.DurationSeconds")
    #expect(bench.service.reservations == [.failed: 1])
  }

  @Test func `a transient failure has the time of the next possible fetch`() {
    bench.add("a")
    let reader = bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(500))
    bench.refresh.fail(bench.cloud.waiting[0], .transient, code: "Connect")
    #expect(reader.problem?.kind == .noSession && reader.problem?.code == "Connect")
    #expect(reader.problem?.retryAfter == .seconds(61))
  }

  @Test func `a reservation that the daemon's rate can't fit into the reader's time is refused with 429`() throws {
    let bench = try SocketBench(rate: 0.4, burst: 4)
    bench.add("a")
    bench.add("b")
    bench.read("a", "?min_ttl=7200&wait=0")
    bench.advance(.milliseconds(500))
    #expect(bench.cloud.orders.count == 3)
    let reader = bench.read("b", "?min_ttl=7200&wait=3", SocketBench.other)
    #expect(reader.problem?.kind == .tooManyReservations)
    #expect(
      reader.problem?.detail == "there may be as many fetches for reservations as 'sts.requests_per_second' allows")
    #expect(bench.service.reservations == [.tooMany: 1])
  }

  @Test func `a reader with min_ttl gets the reason if the pool's attempt is queued after a failure`()
    throws
  {
    let bench = try SocketBench(rate: 0.1, burst: 2)
    bench.add("a")
    let b = bench.add("b", granted: false)
    bench.refresh.fail(bench.cloud.waiting[0], code: "Connect")
    bench.add("c", granted: false)
    bench.scheduler.advance(to: b.machine.nextAttempt)
    let failed = try #require(bench.read("b", "?min_ttl=100&wait=3").problem)
    #expect(failed.kind == .noSession && failed.code == "Connect")
    let untried = try #require(bench.read("c", "?min_ttl=100&wait=3").problem)
    #expect(untried.kind == .noSession && untried.code == nil)
    #expect(
      untried.detail == "a session long enough for role 'c' waits for its turn at 'sts.requests_per_second'")
    #expect(bench.service.reservations.isEmpty)
  }

  @Test func `the pool's failure is the answer to a reader that waited for a pool's session`() {
    bench.add("a", granted: false)
    let reader = bench.read("a", "?min_ttl=600&wait=3")
    #expect(reader.isOpen)
    bench.refresh.fail(bench.cloud.waiting[0], .transient, code: "Connect")
    #expect(reader.isOpen, "the next attempt comes in its time")
    bench.advance(.seconds(3))
    #expect(reader.problem?.kind == .noSession && reader.problem?.code == "Connect")
  }
}
