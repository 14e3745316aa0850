import Glibc
import Synchronization
import Systemd
import TestSupport
import Testing

@testable import HTTPServer

@Suite struct LimitsTests {
  private func limits(_ change: (inout ServerLimits) -> Void) -> ServerLimits {
    var limits = ServerLimits()
    change(&limits)
    return limits
  }

  @Test func `half a request is refused when its time is over`() throws {
    let harness = try Harness(limits { $0.headTime = .milliseconds(20) })
    let client = try harness.connect()
    #expect(try harness.exchange("GET / HTTP/1.1\r\n", on: client).isEmpty)
    try harness.turn { harness.server.statistics.refused(.slowRequest) == 1 }
    #expect(client.receive().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
    #expect(client.hasEnded)
  }

  @Test func `bytes that trickle in don't extend a request's time`() throws {
    let harness = try Harness(limits { $0.headTime = .milliseconds(20) })
    let client = try harness.connect()
    client.send("GET / HTTP/1.1\r\nX: ")
    let start = EventLoop.bootTime()
    while !client.isAtEnd, !client.receive().hasPrefix("HTTP/1.1 408 ") {
      client.send("x")
      try harness.loop.runOnce(timeout: .milliseconds(1))
      try harness.loop.runOnce(timeout: .milliseconds(1))
    }
    #expect(harness.server.statistics.refused(.slowRequest) == 1)
    #expect(EventLoop.bootTime() - start >= 20_000)
  }

  /// A bare line feed after the longest head led to 400 when both arrived at once, and to 431 when they didn't.
  @Test(arguments: [8193, 8192, 1000])
  func `a head that is too long is refused as such, whatever follows and however it is split`(_ piece: Int) throws {
    let harness = try Harness()
    let client = try harness.connect()
    let start = "GET / HTTP/1.1\r\nHost: x\r\nX: "
    var rest = (start + String(repeating: "y", count: 8192 - start.utf8.count) + "\n")[...]
    while !rest.isEmpty {
      client.send(String(rest.prefix(piece)))
      try harness.settle()
      rest = rest.dropFirst(piece)
    }
    #expect(client.receive().hasPrefix("HTTP/1.1 431 "))
    #expect(harness.server.statistics.refused(.tooLarge) == 1)
  }

  @Test func `only the proxy's heads may have twice the size, to the byte`() throws {
    for (uid, size, status) in [(geteuid(), 16_384, 200), (geteuid(), 16_385, 431), (geteuid() + 1, 8193, 431)] {
      let harness = try Harness(limits { $0.proxyUID = uid })
      let client = try harness.connect()
      let start = "GET / HTTP/1.1\r\nHost: x\r\nX: "
      let head = start + String(repeating: "y", count: size - start.utf8.count - 4) + "\r\n\r\n"
      for piece in [head.prefix(5000), head.dropFirst(5000)] {
        client.send(String(piece))
        try harness.settle()
      }
      #expect(client.receive().hasPrefix("HTTP/1.1 \(status) "), "\(size)")
    }
  }

  @Test func `the proxy has as many connections as there are, and no idle limit while it waits for an answer`() throws {
    let harness = try Harness(
      limits {
        ($0.maximumConnectionsPerUID, $0.maximumConnections, $0.reservedConnections) = (1, 3, 0)
        ($0.proxyUID, $0.idleTime) = (geteuid(), .milliseconds(20))
      })
    let clients = try (0..<3).map { _ in try harness.connect() }
    for client in clients { #expect(try harness.exchange(Text.later, on: client).isEmpty) }
    #expect(try harness.exchange(Text.get, on: harness.connect()).hasPrefix("HTTP/1.1 503 "))
    harness.server.complete(harness.handler.deferred[0], Harness.response("hello"))
    try harness.turn { harness.server.statistics.open == 2 }
    #expect(clients[0].receive() == Text.hello && clients[0].isAtEnd && clients.dropFirst().allSatisfy(\.isSilent))
    harness.server.setConnectionLimits(total: 3, perUID: 1)
    #expect(try harness.exchange(Text.get, on: harness.connect()).hasPrefix("HTTP/1.1 429 "))
  }

  @Test func `a silent client is disconnected without an answer`() throws {
    let harness = try Harness(limits { $0.headTime = .milliseconds(20) })
    let client = try harness.connect()
    try harness.turn { client.isAtEnd }
    #expect(harness.server.statistics.open == 0)
  }

  @Test func `an idle connection is closed, and a second request has its own deadline`() throws {
    let harness = try Harness(
      limits {
        $0.headTime = .seconds(3600)
        $0.idleTime = .milliseconds(20)
      })
    let idle = try harness.connect()
    let half = try harness.connect()
    #expect(try harness.exchange(Text.get, on: idle) == Text.hello)
    #expect(try harness.exchange(Text.get + "GET /", on: half) == Text.hello)
    try harness.turn { idle.isAtEnd }
    #expect(!half.isAtEnd)
    #expect(harness.server.statistics.open == 1)
  }

  @Test func `an answer that isn't read is abandoned`() throws {
    let harness = try Harness(limits { $0.drainTime = .milliseconds(20) })
    harness.handler.answer = Harness.response(String(repeating: "x", count: 1_000_000))
    let client = try harness.connect()
    client.send(Text.get)
    try harness.turn { harness.server.statistics.refused(.slowReader) == 1 }
    #expect(harness.server.statistics.open == 0)
    #expect(client.receive().utf8.count < 1_000_000)
  }

  @Test func `a refused client that doesn't leave is disconnected in the end`() throws {
    let harness = try Harness(limits { $0.lingerTime = .milliseconds(20) })
    let client = try harness.connect()
    client.send("nonsense\r\n\r\n")
    try harness.settle()
    #expect(harness.server.lingering == 1)
    try harness.turn { harness.server.lingering == 0 }
    #expect(client.receive().hasPrefix("HTTP/1.1 400 "))
  }

  @Test func `a user with too many connections gets 429, and is accepted when one is closed`() throws {
    let harness = try Harness(limits { $0.maximumConnectionsPerUID = 3 })
    let clients = try (0..<3).map { _ in try harness.connect() }
    for client in clients { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
    let refused = try harness.connect()
    let answer = try harness.exchange(Text.get, on: refused)
    #expect(answer.hasPrefix("HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n"))
    #expect(answer.contains("\r\nRetry-After: 1\r\n") && answer.contains(#""retry_after":1}"#), "\(answer)")
    #expect(refused.hasEnded)
    #expect(harness.server.statistics.refused(.userConnections) == 1)
    #expect(harness.handler.refusals.map(\.reason) == [.userConnections])
    #expect(harness.handler.refusals.first?.uid == geteuid())
    clients[0].close()
    try harness.settle()
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
    #expect(try harness.exchange(Text.get, on: clients[1]) == Text.hello)
  }

  @Test func `slow answers to several clients report no accept flood`() throws {
    let harness = try Harness()
    harness.handler.onRequest = { _ in
      let end = EventLoop.bootTime() + 3000
      while EventLoop.bootTime() < end {}
      return Harness.response("slow")
    }
    for _ in 0..<20 { try harness.connect().send(Text.get) }
    try harness.settle()
    #expect(harness.handler.requests.count == 20)
    #expect(harness.handler.acceptFlood.isEmpty)
  }

  struct FloodCase: CustomTestStringConvertible {
    let testDescription: String
    let connections: [UInt32]
    let leader: UInt32?
  }

  @Test(arguments: [
    FloodCase(testDescription: "one of ten is another's", connections: [1, 1, 1, 1, 1, 1, 1, 1, 1, 2], leader: 1),
    FloodCase(testDescription: "another's comes first", connections: [2, 1, 1, 1, 1], leader: 1),
    FloodCase(testDescription: "half and half", connections: [1, 2, 1, 2], leader: nil),
    FloodCase(testDescription: "three users", connections: [1, 2, 3, 1, 2, 3, 1], leader: nil),
    FloodCase(testDescription: "nobody", connections: [], leader: nil),
  ])
  func `an accept flood names only the user with most of the connections`(_ row: FloodCase) {
    var flood = HTTPServer.AcceptFlood()
    for uid in row.connections { flood.note(uid, Int32(uid) + 100) }
    #expect(flood.leader?.uid == row.leader)
    #expect(flood.leader?.pid == row.leader.map { Int32($0) + 100 })
  }

  @Test func `an accept flood is reported while it lasts`() throws {
    let harness = try Harness()
    for _ in 0..<100 { try harness.connect().close() }
    try harness.settle()
    #expect(harness.handler.acceptFlood.isEmpty)
    for _ in 0..<2000 { try harness.connect().close() }
    try harness.settle()
    #expect(Set(harness.handler.acceptFlood) == [geteuid()])
    let before = harness.handler.acceptFlood.count
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
    try harness.settle()
    #expect(harness.handler.acceptFlood.count == before)
  }

  @Test func `refused connections take no more than their share of slots`() throws {
    let harness = try Harness(limits { $0.maximumConnectionsPerUID = 1 })
    let first = try harness.connect()
    try harness.settle()
    let refused = try (0..<200).map { _ in try harness.connect() }
    try harness.settle()
    #expect(harness.server.lingering == ServerLimits().maximumLingering)
    #expect(harness.server.connections.count == ServerLimits().maximumLingering + 2)
    for client in refused { #expect(client.receive().hasPrefix("HTTP/1.1 429 ")) }
    #expect(try harness.exchange(Text.get, on: first) == Text.hello)
  }

  @Test func `when all connections are taken, reserved ones remain for privileged peers`() throws {
    let harness = try Harness(
      limits {
        $0.maximumConnections = 2
        $0.reservedConnections = 1
      })
    let clients = try (0..<2).map { _ in try harness.connect() }
    try harness.settle()
    let refused = try harness.connect()
    let answer = try harness.exchange(Text.get, on: refused)
    #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    #expect(answer.contains("\r\nRetry-After: 1\r\n") && answer.contains(#""retry_after":1}"#), "\(answer)")
    #expect(harness.server.statistics.refused(.connections) == 1)
    harness.handler.privilegedUIDs = [geteuid()]
    let admin = try harness.connect()
    #expect(try harness.exchange(Text.get, on: admin) == Text.hello)
    #expect(try harness.exchange(Text.get, on: harness.connect()).hasPrefix("HTTP/1.1 503 "))
    withExtendedLifetime(clients) {}
  }

  @Test func `a thousand stalled clients don't keep another from being served`() throws {
    let harness = try Harness(limits { $0.maximumConnectionsPerUID = 1024 })
    var stalled: [Client] = []
    for number in 0..<1000 {
      let client = try harness.connect()
      client.send(number % 2 == 0 ? "GET / HTTP/1.1\r\n" : "")
      stalled.append(client)
      // The listener's queue is finite.
      if number % 100 == 99 { try harness.settle() }
    }
    #expect(harness.server.statistics.open == 1000)
    let client = try harness.connect()
    client.send(Text.get)
    var turns = 0
    while try harness.loop.runOnce() { turns += 1 }
    #expect(client.receive() == Text.hello)
    #expect(turns <= 2)
    #expect(harness.server.statistics.open == 1001)
    withExtendedLifetime(stalled) {}
  }

  struct Fit: Sendable {
    let descriptors: Int
    let connections: Int
    let reserved: Int
    let lingering: Int
  }

  @Test(arguments: [
    Fit(descriptors: 65_000, connections: 1024, reserved: 16, lingering: 64),
    Fit(descriptors: 1104, connections: 1024, reserved: 16, lingering: 64),
    Fit(descriptors: 968, connections: 888, reserved: 16, lingering: 64),
    Fit(descriptors: 40, connections: 30, reserved: 5, lingering: 5),
    Fit(descriptors: 0, connections: 1, reserved: 0, lingering: 0),
  ])
  func `no more connections are taken than there are descriptors`(_ row: Fit) {
    let limits = limits { $0.fit(into: row.descriptors) }
    #expect(limits.maximumConnections == row.connections)
    #expect(limits.reservedConnections == row.reserved)
    #expect(limits.maximumLingering == row.lingering)
  }

  @Test func `without descriptors clients wait and the loop sleeps until some are free`() async {
    await #expect(processExitsWith: .success) {
      let harness = try Harness()
      var reported: [CInt] = []
      harness.server.acceptingPaused = { reported.append($0) }
      let served = try (0..<4).map { _ in try harness.connect() }
      for client in served { client.send(Text.get) }
      try harness.turn { served.allSatisfy { !$0.isSilent } }
      precondition(served.allSatisfy { $0.receive() == Text.hello })
      let waiting = try (0..<8).map { _ in try harness.connect() }
      for client in waiting { client.send(Text.get) }
      awaitDispatchDescriptors()
      var limit = rlimit()
      getrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit)
      let before = limit.rlim_cur
      // None at all: how many the process opens and closes beside the test isn't known.
      limit.rlim_cur = 0
      precondition(setrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit) == 0)
      // Ends, since the loop doesn't spin for a listener that can't accept.
      try harness.settle()
      // More than once where the process had to wait for a processor longer than accepting pauses.
      precondition(!reported.isEmpty && reported.allSatisfy { $0 == EMFILE })
      precondition(waiting.allSatisfy(\.isSilent))
      limit.rlim_cur = before
      precondition(setrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit) == 0)
      for client in served { client.close() }
      try harness.turn { waiting.allSatisfy { !$0.isSilent } }
      precondition(waiting.allSatisfy { $0.receive() == Text.hello })
    }
  }

  /// Connects, sends a request and leaves, over and over, on its own thread.
  final class Flood: Sendable {
    let path: String
    let isOver = Atomic(false)

    init(_ path: String) { self.path = path }

    func start() -> pthread_t {
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { context in
          let flood = Unmanaged<Flood>.fromOpaque(context!).takeRetainedValue()
          var held: [Client] = []
          while !flood.isOver.load(ordering: .relaxed) {
            // A full queue refuses for a moment.
            guard let client = try? Client(flood.path) else { continue }
            client.send(Text.get + Text.get + "GET /")
            held.append(client)
            if held.count > 100 { held.removeFirst(50) }
          }
          return nil
        }, Unmanaged.passRetained(self).toOpaque())
      return thread
    }
  }

  @Test func `a flooded socket doesn't keep a timer or deferred work from running`() throws {
    let harness = try Harness()
    let flood = Flood(harness.path)
    var fired = 0
    var ran = 0
    var timer: TimerSource?
    var work: DeferSource?
    timer = try TimerSource(harness.loop, accuracy: 1) {
      fired += 1
      timer?.arm(at: EventLoop.bootTime() + 2000)
    }
    work = DeferSource(harness.loop) {
      ran += 1
      work?.schedule()
    }
    let thread = flood.start()
    try harness.turn { harness.server.statistics.accepted > 100 }
    timer?.arm(at: 0)
    work?.schedule()
    try harness.turn { fired == 50 }
    #expect(ran > 50)
    #expect(harness.server.statistics.accepted > 200)
    flood.isOver.store(true, ordering: .relaxed)
    pthread_join(thread, nil)
    (timer, work) = (nil, nil)
  }
}
