import Glibc
import HTTPClient
import Systemd
import TestNeeds
import TestSupport
import Testing

/// The loop serves everybody: no turn of it may take long, whatever happens to a request.
@Suite struct BlockingTests {
  /// Far above a turn on a busy machine, far below any wait within libcurl.
  static let longestTurn: Int64 = 250_000

  struct Outcome: Sendable {
    let kind: TransportFailure.Kind?
    /// In µs.
    let took: Int64
    let longestTurn: Int64
    let lettingGo: Int64
  }

  /// Posts once while a timer ticks each millisecond, and measures the longest time between ticks.
  static func observe(_ url: String, caFile: String) throws -> Outcome {
    let settings = HTTPClient.Settings.testing(caFile: caFile, connectTimeout: .milliseconds(700))
    let begin = EventLoop.bootTime()
    let (kind, longest) = try watch(url, settings)
    let end = EventLoop.bootTime()
    var bench: Bench? = try Bench(settings)
    _ = try bench!.start(url)
    for _ in 0..<20 { try bench!.loop.runOnce(timeout: .milliseconds(10)) }
    let before = EventLoop.bootTime()
    bench = nil
    return Outcome(kind: kind, took: end - begin, longestTurn: longest, lettingGo: EventLoop.bootTime() - before)
  }

  private static func watch(_ url: String, _ settings: HTTPClient.Settings) throws -> (TransportFailure.Kind?, Int64) {
    let bench = try Bench(settings)
    var last = EventLoop.bootTime()
    var longest: Int64 = 0
    var timer: TimerSource?
    timer = try TimerSource(bench.loop, accuracy: 1) {
      let now = EventLoop.bootTime()
      longest = max(longest, now - last)
      last = now
      timer?.arm(at: now + 1000)
    }
    timer?.arm(at: last)
    let answer = try bench.post(url)
    longest = max(longest, EventLoop.bootTime() - last)
    timer = nil
    return (answer.failure?.kind, longest)
  }

  @Test(.needs(.root)) func `a dead name server never blocks the loop`() throws {
    let directory = try TemporaryDirectory()
    let outcome = try PrivateMounts.run {
      // Receives queries and never answers.
      let server = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
      defer { close(server) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(53).bigEndian
      address.sin_addr.s_addr = inet_addr("127.9.9.9")
      let bound = withUnsafeBytes(of: &address) { bytes in
        bind(server, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
      }
      guard bound == 0 else { throw Stuck() }
      try PrivateMounts.show(directory.write("nameserver 127.9.9.9\n", to: "resolv.conf"), at: "/etc/resolv.conf")
      return try Self.observe("https://sts.example/", caFile: "/etc/ssl/certs/ca-certificates.crt")
    }
    #expect(outcome.kind == .resolve)
    #expect((700_000..<2_000_000).contains(outcome.took), "\(outcome)")
    #expect(outcome.longestTurn < Self.longestTurn, "\(outcome)")
    #expect(outcome.lettingGo < Self.longestTurn, "\(outcome)")
  }

  @Test(.needs(.root)) func `a host known by name answers as soon as one known by address`() throws {
    let directory = try TemporaryDirectory()
    let server = try TLSServer.shared.get()
    let url = server.url("/echo", at: "good").replacing("127.0.0.1", with: "sts.example")
    let caFile = server.caFile
    let outcome = try PrivateMounts.run {
      try PrivateMounts.show(directory.write("127.0.0.1 sts.example\n", to: "hosts"), at: "/etc/hosts")
      return try Self.observe(url, caFile: caFile)
    }
    #expect(outcome.kind == nil)
    // Without the time spent waiting for a connection, which ends at the client's 700 ms.
    #expect(outcome.took < 600_000, "\(outcome)")
  }

  @Test(arguments: ["mute", "good"])
  func `a silent server never blocks the loop`(_ port: String) throws {
    let server = try TLSServer.shared.get()
    let outcome = try Self.observe(server.url("/nothing", at: port), caFile: server.caFile)
    #expect(outcome.kind == (port == "mute" ? .connectTimeout : .noAnswer))
    #expect(outcome.longestTurn < Self.longestTurn, "\(outcome)")
    #expect(outcome.lettingGo < Self.longestTurn, "\(outcome)")
  }
}
