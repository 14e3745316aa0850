import Core
import Glibc
import Systemd
import TestNeeds
import TestSupport
import Testing

@testable import HTTPServer

/// How long one user waits for another's requests, counted in requests: a time would depend on the machine, too.
@Suite struct FairnessTests {
  static let flooder: UInt32 = 4711
  static let reader: UInt32 = 4712

  /// A server that any user may connect to, and a flood: 64 connections with twenty requests each.
  private final class Flooded {
    let harness: Harness
    private var flood: [Client] = []

    init() throws {
      harness = try Harness()
      // Turns end by number alone: by time they would end whenever another program has the processor, and events already fetched
      // are answered first.
      harness.server.turnTime = 3_600_000_000
      chmod(harness.path, 0o666)
      chmod(harness.directory.path, 0o755)
      flood = try (0..<64).map { _ in try connect(as: flooder) }
      // The listener's queue is shared: later clients wait until these are accepted.
      while harness.server.statistics.open < 64 { try harness.loop.runOnce() }
      refill()
    }

    func connect(as uid: UInt32) throws -> Client {
      precondition(seteuid(uid) == 0)
      defer { precondition(seteuid(0) == 0) }
      return try harness.connect()
    }

    func refill() {
      let requests = String(repeating: Text.get, count: 20)
      for client in flood {
        _ = client.receive()
        client.send(requests)
      }
    }

    /// Turns until `client` has its answer, and checks that few of the flood's requests were answered before it.
    func awaitAnswer(_ client: Client) throws {
      let before = harness.handler.peers.count
      while client.isSilent { try harness.loop.runOnce() }
      let answer = client.receive()
      precondition(answer == Text.hello)
      let others = harness.handler.peers[before...].prefix { $0.uid != reader }.count
      precondition(others <= bound, "\(others) others' requests")
    }
  }

  /// A user's share in a round, the requests under way, and for a new client the requests until the listener is checked again.
  private static let bound =
    2 * HTTPServer.share + HTTPServer.requestsPerVisit + HTTPServer.requestsPerLook

  @Test(.needs(.root)) func `one user's request waits for a share of another's requests, not for all of them`()
    async
  {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let flooded = try Flooded()
      let lasting = try flooded.connect(as: FairnessTests.reader)
      while flooded.harness.server.statistics.open < 65 { try flooded.harness.loop.runOnce() }
      for _ in 0..<20 {
        lasting.send(Text.get)
        try flooded.awaitAnswer(lasting)
        let new = try flooded.connect(as: FairnessTests.reader)
        new.send(Text.get)
        try flooded.awaitAnswer(new)
        flooded.refill()
      }
      precondition(flooded.harness.handler.peers.count { $0.uid == FairnessTests.flooder } > 1000)
    }
    report(result)
  }

  @Test(.needs(.root)) func `a new user waits no longer if no third user was connected before`() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let flooded = try Flooded()
      for _ in 0..<20 {
        for _ in 0..<3 { try flooded.harness.loop.runOnce() }
        let new = try flooded.connect(as: FairnessTests.reader)
        new.send(Text.get)
        try flooded.awaitAnswer(new)
        new.close()
        flooded.refill()
      }
    }
    report(result)
  }

  /// Prints the process's output if it failed.
  private func report(_ result: ExitTest.Result?) {
    guard let result, !result.standardErrorContent.isEmpty else { return }
    print(String(decoding: result.standardErrorContent, as: UTF8.self))
  }
}
