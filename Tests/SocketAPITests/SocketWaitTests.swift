import Core
import HTTPServer
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Readers who wait for a session.
@Suite struct SocketWaitTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  @Test func `all waiting readers get the first session in the turn in which it arrives`() {
    let role = bench.add("a", granted: false)
    let waiting = [bench.read("a", "?wait=10"), bench.read("a", "?wait=5", SocketBench.other)]
    bench.advance(.seconds(4))
    #expect(waiting.allSatisfy { $0.isOpen })
    bench.refresh.grantAll()
    #expect(waiting.map { $0.reply?.accessKeyID } == ["STS.1", "STS.1"])
    #expect(role.handouts.lines.map(\.uid) == [1000, 1001] && role.handouts.lines.allSatisfy { $0.count == 1 })
    bench.advance(.minutes(2))
    #expect(waiting.allSatisfy { $0.replies.count == 1 }, "nobody is answered twice")
  }

  @Test(arguments: ["publish", "reserve", "attempt"])
  func `waiting readers are checked at each event of the role`(_ event: String) {
    let role = bench.add("a", granted: false)
    let reader = bench.read("a", "?wait=10")
    // It isn't notified of what arrives.
    bench.refresher.setObservers([])
    bench.refresh.grantAll()
    #expect(reader.isOpen)
    switch event {
    case "publish": bench.service.didPublish(role)
    case "reserve": bench.service.didReserve(role)
    default: bench.service.didAttempt(role)
    }
    #expect(reader.reply?.accessKeyID == "STS.1")
  }

  @Test func `each reader is answered at its own deadline, and not before`() {
    bench.add("a", granted: false)
    bench.add("b", granted: false)
    let start = bench.scheduler.time
    let asked = [(role: "a", wait: 5), (role: "a", wait: 2), (role: "b", wait: 3), (role: "a", wait: 9)].map {
      (exchange: bench.read($0.role, "?wait=\($0.wait)"), wait: $0.wait)
    }
    for second in 0..<10 {
      bench.scheduler.advance(to: start + .seconds(Int64(second)) + .milliseconds(999))
      #expect(asked.allSatisfy { $0.exchange.isOpen == ($0.wait > second) }, "after \(second) s")
    }
    #expect(asked.allSatisfy { $0.exchange.problem?.kind == .noSession })
  }

  @Test func `a later request with a shorter wait is answered first`() {
    bench.add("a", granted: false)
    let long = bench.read("a", "?wait=10")
    bench.advance(.seconds(1))
    let short = bench.read("a", "?wait=1")
    bench.advance(.seconds(1))
    #expect(!short.isOpen && long.isOpen)
    bench.advance(.seconds(8))
    #expect(!long.isOpen)
  }

  @Test func `a failure without another attempt in the reader's time ends the wait`() {
    let role = bench.add("a", granted: false)
    let (short, long) = (bench.read("a", "?wait=5"), bench.read("a", "?wait=60"))
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(short.problem?.code == "NoPermission" && long.isOpen)
    #expect(bench.read("a", "?wait=5").problem?.code == "NoPermission", "also for who asks then")
    bench.scheduler.advance(to: role.machine.nextAttempt)
    bench.refresh.grantAll()
    #expect(long.reply?.accessKeyID == "STS.2")
  }

  @Test func `waiting readers are answered when the role is removed from the settings`() {
    let (a, b) = (bench.add("a", granted: false), bench.add("b", granted: false))
    let (first, second) = (bench.read("a", "?wait=10"), bench.read("b", "?wait=10"))
    bench.remove(a)
    #expect(first.problem?.kind == .notFound && first.problem?.detail == "role 'a' was taken out of the settings")
    #expect(second.isOpen)
    // Without a notification.
    bench.refresher.remove(b.name)
    bench.advance(.seconds(10))
    #expect(second.problem?.kind == .notFound)
  }

  @Test func `a reload that revokes the right refuses a waiting reader`() {
    let role = bench.add("a", granted: false)
    let (reader, admin) = (bench.read("a", "?wait=10"), bench.read("a", "?wait=10", SocketBench.admin))
    bench.service.settingsChanged()
    #expect(reader.isOpen && bench.service.refusals == 0)
    bench.close(role)
    #expect(reader.problem?.kind == .forbidden && admin.isOpen && bench.service.refusals == 1)
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule())
    bench.service.settingsChanged()
    #expect(admin.problem?.kind == .forbidden)
    bench.refresh.grantAll()
    #expect(role.handouts.lines.isEmpty)
  }

  @Test func `a reader without the right isn't handed a new session, even without notice of a reload`() {
    let role = bench.add("a", granted: false)
    let reader = bench.read("a", "?wait=10")
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule())
    let admin = bench.read("a", "?wait=10", SocketBench.admin)
    #expect(admin.problem?.kind == .forbidden)
    bench.refresher.change(role, to: Bench.role("a"))
    bench.refresh.grantAll()
    #expect(reader.problem?.kind == .forbidden)
  }

  @Test func `a client that left is forgotten, and the others are answered`() {
    let role = bench.add("a", granted: false)
    let (gone, here) = (bench.read("a", "?wait=10"), bench.read("a", "?wait=10", SocketBench.other))
    // Checked, but not answered.
    bench.service.settingsChanged()
    bench.service.abandoned(gone.token)
    bench.refresh.grantAll()
    #expect(gone.isOpen && here.reply?.accessKeyID == "STS.1")
    #expect(role.handouts.lines.map(\.uid) == [1001])
    bench.service.abandoned(here.token)
    bench.service.abandoned(gone.token)
  }

  @Test func `requests of a replaced server are forgotten, and later ones are answered by the new one`() {
    let role = bench.add("a", granted: false)
    let old = bench.read("a", "?wait=10")
    let server = RecordingSink()
    bench.service.serve(on: server)
    let new = Exchange(old.token)
    server.exchanges[new.token] = new
    bench.refresh.grantAll()
    bench.advance(.seconds(20))
    #expect(old.isOpen && new.isOpen && role.handouts.lines.isEmpty)
    bench.add("b", granted: false)
    let late = bench.read("b", "?wait=3")
    server.exchanges[late.token] = late
    bench.sink.exchanges[late.token] = nil
    bench.advance(.seconds(3))
    #expect(late.problem?.kind == .noSession)
  }

  /// An answer lets the client's next request in.
  @Test func `a client that asks again as it is answered waits again`() throws {
    bench.add("a", granted: false)
    let (first, long) = (bench.read("a", "?wait=1"), bench.read("a", "?wait=9"))
    var again: Exchange?
    bench.sink.answered = { [unowned bench] exchange in
      if exchange === first { again = bench.read("a", "?wait=1") }
    }
    bench.advance(.seconds(1))
    let second = try #require(again)
    #expect(!first.isOpen && second.isOpen && long.isOpen)
    bench.advance(.seconds(1))
    #expect(!second.isOpen && long.isOpen)
    bench.advance(.seconds(7))
    #expect([first, second, long].allSatisfy { $0.replies.count == 1 })
  }
}
