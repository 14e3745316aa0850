import Core
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import HTTPServer
@testable import SocketAPI

/// The events for readers of `/v1/events`.
@Suite struct SocketEventTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  private func subscribe(_ peer: Peer = SocketBench.reader, _ query: String = "") -> Exchange {
    bench.ask("GET /v1/events\(query)", peer)
  }

  @Test func `a rotation, a failure, a recovery and a longer session are one line each`() throws {
    let events = subscribe()
    #expect(events.isOpen && events.streamHead?.contains("application/x-ndjson") == true)
    #expect(events.streamHead?.contains("Content-Length") == false)
    let role = bench.add("a")
    #expect(events.kinds == [.rotated])
    let first = try #require(events.events.first)
    #expect(first.role == "a" && first.accessKeyID == "STS.1" && first.generation == 1 && first.state == .valid)
    #expect(first.time == bench.refresher.clock.now(at: bench.scheduler.time) && first.code == nil)
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(events.kinds == [.rotated, .changed])
    #expect(events.events.last?.state == .failing && events.events.last?.code == "NoPermission")
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
    #expect(events.kinds == [.rotated, .changed, .rotated, .changed])
    #expect(events.events.last?.state == .valid && events.events.last?.generation == 2)
    bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(500))
    bench.refresh.grantAll()
    #expect(events.kinds.dropFirst(4) == [.reserved])
  }

  @Test func `a change that doesn't concern readers is no event`() throws {
    let role = bench.add("a")
    let events = subscribe()
    // A session that is only a standby, shorter than requested.
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grant(bench.cloud.waiting[0], life: .minutes(30))
    bench.read("a", "?min_ttl=7200")
    bench.advance(.milliseconds(500))
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(bench.service.reservations == [.failed: 1] && events.events.isEmpty)
    // Nor is the end of a session that wasn't handed out.
    let standby = try #require(role.machine.heldSessions.first { $0 != role.current?.session.id })
    bench.refresher.send(.condemned(standby), to: role)
    #expect(events.events.isEmpty)
  }

  @Test func `the fall below the floor and the lapse are changes`() throws {
    let role = bench.add("a")
    let end = try #require(role.current).session.expires
    let events = subscribe()
    bench.scheduler.advance(to: end - .minutes(20))
    #expect(!events.events.contains { $0.state == .belowFloor })
    bench.scheduler.advance(to: end - .minutes(19))
    #expect(events.events.count { $0.kind == .changed && $0.state == .belowFloor } == 1)
    bench.scheduler.advance(to: end - .seconds(15))
    #expect(events.events.last?.kind == .changed && events.events.last?.state == .lapsed)
    #expect(events.events.last?.accessKeyID == nil)
  }

  @Test func `a condemned session is a change, or a rotation if a standby replaces it`()
    throws
  {
    let role = bench.add("a")
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
    let events = subscribe()
    let first = try #require(role.current).session.id
    bench.refresher.send(.condemned(first), to: role)
    #expect(events.kinds == [.rotated])
    let second = try #require(role.current).session.id
    bench.refresher.send(.condemned(second), to: role)
    #expect(events.kinds == [.rotated, .changed] && events.events.last?.state == .lapsed)
  }

  @Test func `a file that appears or can't be written is an event with the file`() {
    let role = bench.add("a")
    let events = subscribe()
    let outputs = [
      OutputStatus(path: "/run/a/1", generation: 1), OutputStatus(path: "/run/a/2", generation: nil, lastError: "full"),
    ]
    bench.service.outputsChanged(of: role, outputs)
    #expect(events.kinds == [.output, .output] && events.events.map { $0.output?.path } == ["/run/a/1", "/run/a/2"])
    #expect(events.events.last?.output?.lastError == "full")
  }

  @Test func `each reader is sent only events of roles that it may read, also after a reload`() {
    let (reader, admin) = (subscribe(), subscribe(SocketBench.admin))
    let stranger = subscribe(SocketBench.stranger)
    let open = bench.add("a")
    bench.refresher.add(Bench.role("b"))
    bench.refresh.grantAll()
    #expect(reader.events.map(\.role) == ["a"] && admin.events.map(\.role) == ["a", "b"] && stranger.events.isEmpty)
    bench.close(open)
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: open)
    bench.refresh.grantAll()
    #expect(reader.events.count == 1 && admin.events.count == 3)
  }

  @Test func `a reader that left is sent nothing more`() {
    let (left, dropped, here) = (subscribe(), subscribe(), subscribe())
    bench.service.abandoned(left.token)
    dropped.isGone = true
    bench.add("a")
    bench.add("b")
    #expect(left.sends == 0 && dropped.sends == 1 && here.events.count == 2)
  }

  @Test func `a reader that left before the stream began is sent nothing`() {
    bench.sink.takesStreams = false
    let events = subscribe()
    bench.add("a")
    #expect(events.sends == 0 && events.isOpen)
  }

  @Test func `a replaced server's streams are forgotten`() {
    let events = subscribe()
    let server = RecordingSink()
    bench.service.serve(on: server)
    server.exchanges[events.token] = events
    bench.add("a")
    #expect(events.sends == 0)
  }

  // MARK: - Snapshot

  @Test func `a stream begins with a line for each role that its reader may read`() throws {
    let (role, closed) = (bench.add("a"), bench.add("b"))
    bench.add("c", granted: false)
    bench.close(closed)
    let events = subscribe()
    #expect(events.snapshot.map(\.role) == ["a", "c"] && events.events.isEmpty)
    let first = try #require(events.snapshot.first)
    let session = try #require(role.current).session
    #expect(first.state == .valid && first.generation == 1 && first.accessKeyID == "STS.1")
    #expect(first.expiresAt == session.expiration && first.time == bench.refresher.clock.now(at: bench.scheduler.time))
    #expect(events.snapshot.last?.state == .waiting && events.snapshot.last?.accessKeyID == nil)
    #expect(subscribe(SocketBench.admin).snapshot.map(\.role) == ["a", "b", "c"])
    #expect(subscribe(SocketBench.stranger).snapshot.isEmpty)
  }

  @Test func `a reader that doesn't keep up gets the rest of the snapshot when it has read`() {
    for place in 0..<200 { bench.add("role-\(place)") }
    let events = Exchange(ResponseToken(slot: 0, serial: 77))
    bench.sink.exchanges[events.token] = events
    events.backlog = 20_000
    bench.service.subscribers.add(events.token, SocketBench.reader)
    bench.advance(.seconds(1))
    #expect(events.snapshot.isEmpty && events.sends == 0)
    events.backlog = 0
    bench.advance(.seconds(1))
    #expect(events.snapshot.count == 200 && Set(events.snapshot.map(\.role)).count == 200)
    #expect(events.sends > 1, "no piece may be as long as the lag that ends a stream")
  }

  /// A reader that had stopped woke the daemon fifty times a second for as long as it stayed.
  @Test func `a reader that has stopped reading is looked at once a second`() {
    bench.add("a")
    let events = Exchange(ResponseToken(slot: 0, serial: 77))
    bench.sink.exchanges[events.token] = events
    events.backlog = 20_000
    bench.service.subscribers.add(events.token, SocketBench.reader)
    bench.advance(.seconds(20))
    let before = bench.sink.backlogLooks
    #expect(before < 40)
    bench.advance(.seconds(60))
    #expect((59...61).contains(bench.sink.backlogLooks - before))
  }

  @Test func `a role that is removed before its line was sent gets none`() {
    let role = bench.add("a")
    let events = Exchange(ResponseToken(slot: 0, serial: 77))
    bench.sink.exchanges[events.token] = events
    events.backlog = 20_000
    bench.service.subscribers.add(events.token, SocketBench.reader)
    bench.remove(role)
    events.backlog = 0
    bench.advance(.seconds(1))
    #expect(events.snapshot.isEmpty)
  }

  @Test func `a stream about one role has no other's lines, and is refused as the role is`() {
    bench.add("a")
    let closed = bench.add("b")
    let events = subscribe(SocketBench.reader, "?role=a")
    bench.close(closed)
    for name in ["a", "b"] {
      bench.advance(.seconds(1))
      bench.refresher.send(.refreshRequested, to: bench.refresher.roles[RoleName(name)!]!)
      bench.refresh.grantAll()
    }
    #expect(events.snapshot.map(\.role) == ["a"] && events.events.map(\.role) == ["a"])
    #expect(subscribe(SocketBench.reader, "?role=b").status == 403)
    #expect(subscribe(SocketBench.reader, "?role=nobody").status == 404)
    #expect(subscribe(SocketBench.reader, "?role=").status == 404)
    #expect(subscribe(SocketBench.reader, "?rolle=a").problem?.detail.contains("did you mean 'role'?") == true)
  }

  // MARK: - Reload

  @Test func `a reload ends a stream about a role that is gone or may not be read any more`() {
    let (removed, closed) = (bench.add("a"), bench.add("b"))
    let (gone, revoked) = (subscribe(SocketBench.reader, "?role=a"), subscribe(SocketBench.reader, "?role=b"))
    let (admin, all) = (subscribe(SocketBench.admin, "?role=b"), subscribe())
    bench.service.settingsChanged()
    #expect(!gone.isFinished && !revoked.isFinished)
    bench.remove(removed)
    #expect(gone.isFinished && !revoked.isFinished)
    bench.close(closed)
    #expect(revoked.isFinished && !admin.isFinished && !all.isFinished)
    let sends = revoked.sends
    bench.advance(.seconds(60))
    #expect(revoked.sends == sends && admin.heartbeats.count == 2)
  }

  @Test func `a role that a reload lets a reader read has its line in the stream`() {
    let role = bench.add("a")
    bench.close(role)
    let (events, admin, stranger) = (subscribe(), subscribe(SocketBench.admin), subscribe(SocketBench.stranger))
    #expect(events.snapshot.isEmpty && admin.snapshot.count == 1)
    bench.change(role, to: SocketBench.settings("a"))
    #expect(events.snapshot.map(\.role) == ["a"] && events.snapshot.first?.accessKeyID == "STS.1")
    bench.add("b", granted: false)
    bench.service.readersChanged(of: RoleName("b")!)
    bench.service.settingsChanged()
    #expect(events.snapshot.map(\.role) == ["a", "b"] && events.snapshot.last?.state == .waiting)
    bench.service.settingsChanged()
    #expect(events.snapshot.count == 2 && stranger.sends == 0)
  }

  @Test func `a reader that becomes an administrator gets the lines of all roles`() {
    bench.close(bench.add("a"))
    bench.close(bench.add("b"))
    let (events, reader) = (subscribe(SocketBench.other), subscribe())
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [50, 1001]))
    bench.service.settingsChanged()
    #expect(events.snapshot.map(\.role) == ["a", "b"] && reader.snapshot.isEmpty)
  }

  // MARK: - Heartbeat

  @Test func `a stream has a heartbeat every 30 seconds, whatever its reader may read`() {
    let (reader, stranger) = (subscribe(), subscribe(SocketBench.stranger, ""))
    bench.advance(.milliseconds(29_999))
    #expect(reader.heartbeats.isEmpty)
    bench.advance(.milliseconds(1))
    #expect(reader.heartbeats.map(\.time) == [bench.refresher.clock.now(at: bench.scheduler.time)])
    bench.advance(.seconds(60))
    #expect(reader.heartbeats.count == 3 && stranger.heartbeats.count == 3)
  }

  @Test func `without readers there is no heartbeat, and the next reader gets its own`() {
    let first = subscribe()
    bench.service.abandoned(first.token)
    bench.advance(.seconds(40))
    #expect(first.sends == 0)
    let second = subscribe()
    bench.advance(.seconds(30))
    #expect(second.heartbeats.count == 1)
  }
}
