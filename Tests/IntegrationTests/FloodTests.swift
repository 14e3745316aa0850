import Core
import Glibc
import Laboratory
import Synchronization
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct FloodTests {
  /// Threads that keep connections busy with pipelined requests until they are stopped.
  final class Flood: Sendable {
    private let path: String
    private let connections: Int
    private let isOver = Atomic(false)
    private let answers = Atomic(0)
    private let threads = Mutex<[pthread_t]>([])

    init(_ path: String, threads count: Int, connections: Int) {
      self.path = path
      self.connections = connections
      for _ in 0..<count {
        var thread = pthread_t()
        pthread_create(
          &thread, nil,
          { flood in
            let flood = Unmanaged<Flood>.fromOpaque(flood!).takeRetainedValue()
            // A broken connection shows in the count of answers.
            try? flood.run()
            return nil
          }, Unmanaged.passRetained(self).toOpaque())
        threads.withLock { $0.append(thread) }
      }
    }

    /// Answers until now.
    var count: Int { answers.load(ordering: .relaxed) }

    func stop() {
      isOver.store(true, ordering: .relaxed)
      for thread in threads.withLock({ $0 }) { pthread_join(thread, nil) }
    }

    private func run() throws {
      let open = try (0..<connections).map { _ in try StreamConnection(unix: path) }
      let batch = String(
        repeating: "GET /v1/roles/uploader/credentials HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 16)
      while !isOver.load(ordering: .relaxed) {
        for connection in open { try connection.send(batch) }
        for connection in open {
          for _ in 0..<16 where try connection.readReply().status == 200 { answers.add(1, ordering: .relaxed) }
        }
      }
    }
  }

  @Test func `under a flood refreshes, deadlines, events, reload and the end go on`() throws {
    let lab = try Lab(RealmDraft(lifetime: "8s")) { $0.socket += "\nmax_connections_per_uid = 256" }
    let daemon = try lab.start()
    let events = try daemon.events()
    let flood = Flood(lab.draft.socketPath, threads: 4, connections: 16)
    defer { flood.stop() }
    try eventually("the flood is on") { flood.count > 5000 }

    // Half a request is cut after five seconds, whatever trickles in.
    let half = try StreamConnection(unix: lab.draft.socketPath)
    try half.send("GET /v1/roles/uploader/cred")
    let cut = try seconds { try half.awaitEnd() }
    #expect(cut > 4 && cut < 7, "\(cut)")

    var rotations: [String: Int] = [:]
    while rotations.values.min() ?? 0 < 3 || rotations.count < 2 {
      let event = try lab.await(events) { $0.kind == .rotated }
      rotations[event.role, default: 0] += 1
      #expect(event.state == .valid)
    }
    for role in ["uploader", "reports"] {
      let arrivals = try lab.emulator.arrivals(of: role)
      let steps = zip(arrivals, arrivals.dropFirst()).map { Double($1 - $0) / 1e6 }
      #expect(steps.allSatisfy { $0 < 3 }, "a step is 2 s: \(steps)")
    }
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(try lab.rolekeeper("get", "reports").status == 0)
    let before = flood.count
    try eventually("the flood goes on") { flood.count > before + 1000 }
    let atTheEnd = flood.count
    let took = seconds { #expect(daemon.child.stop() == 0) }
    let answered = flood.count - atTheEnd
    print("under a flood the end took \(took) s and \(answered) answers")
    // A thousand are on their way at any time. More than some turns' would mean that the signal waits for the flood; time alone would
    // tell of this machine, too.
    #expect(answered < 5000, "the flood went on after the signal")
    #expect(took < 5)
    #expect(daemon.logLines("credential handed out").count < 40, "never a line per request")
  }

  struct Case: CustomStringConvertible {
    let description: String
    let sends: String
    let status: Int
  }

  @Test func `requests that are none are refused, and the next client is served`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    let daemon = try lab.start()
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    let cases = [
      Case(
        description: "a body", sends: "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        status: 400),
      Case(description: "chunks", sends: head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 400),
      Case(description: "two lengths", sends: head + "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", status: 400),
      Case(description: "noise", sends: "\u{1}\u{2}\u{3}\r\n\r\n", status: 400),
      Case(description: "a huge head", sends: head + "X: \(String(repeating: "y", count: 9000))\r\n\r\n", status: 431),
      Case(description: "dots", sends: "GET /v1/roles/../status HTTP/1.1\r\nHost: x\r\n\r\n", status: 404),
      Case(description: "a strange method", sends: "BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", status: 501),
      Case(description: "another path", sends: "GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", status: 404),
      Case(description: "the wrong method", sends: "GET /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n", status: 405),
    ]
    for row in cases {
      let connection = try StreamConnection(unix: lab.draft.socketPath)
      try connection.send(row.sends)
      let reply = try connection.readReply()
      #expect(reply.status == row.status, "\(row): \(reply)")
      #expect(reply.fields["content-type"] == "application/problem+json", "\(row)")
    }
    #expect(try daemon.get("/healthz").status == 200)
  }
}
