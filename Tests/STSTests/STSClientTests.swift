import Core
import HTTPClient
import Logs
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing

@testable import Refresh
@testable import STS

@Suite struct STSClientTests {
  /// The refresher counted it as ended twice, so there was room for one call too many from then on.
  @Test func `a call cancelled while another's outcome is reported gets no outcome`() throws {
    let loop = try EventLoop()
    let endpoint = try #require(Endpoint("sts.example"))
    let date = UTCTime(seconds: 1_800_000_000)
    let client = STSClient(
      scheduler: loop,
      http: try HTTPClient(
        loop,
        settings: HTTPClient.Settings(connectTimeout: .seconds(3), timeout: .seconds(10), lookupTimeout: .seconds(3))),
      endpointHealth: EndpointHealth(
        [endpoint], keeping: nil, log: LogRecorder().log),
      hostName: "host", sources: [:], serverTime: { date })
    // Its source doesn't exist, so the call fails without a connection.
    let order = SessionRequest(role: Bench.role("web"), slot: 0, duration: .hours(1), date: date)
    var calls: [CallID] = []
    var reported: [Int] = []
    for index in 0..<3 {
      let call = client.issue(order) { _ in
        reported.append(index)
        if index == 0 { client.cancel(calls[1]) }
      }
      calls.append(call)
    }
    #expect(reported.isEmpty, "each is reported in a later turn")
    while try loop.runOnce() {}
    #expect(reported == [0, 2])
  }
}
