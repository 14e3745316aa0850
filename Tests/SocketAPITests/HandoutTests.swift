import Core
import HTTPServer
import Refresh
import RefreshBench
import Testing

@testable import SocketAPI

@Suite struct HandoutTests {
  private func text(_ bytes: (any ResponseBytes)?) -> String {
    var text = ""
    bytes?.withBytes { span in text = span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    return text
  }

  @Test func `an answer has the generation and the length of its document`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    let handout = try #require(role.current)
    let response = try #require(handout.response(at: bench.now))
    let (head, body) = (text(response.head), text(response.body))
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(head.contains("\r\nContent-Length: \(body.utf8.count)\r\n"))
    #expect(head.contains("\r\nRolekeeper-Generation: 1\r\n"))
    #expect(head.contains("\r\nCache-Control: no-store\r\n"))
    #expect(!head.contains("Below-Floor"))
    #expect(body.contains(#""AccessKeySecret":"secret1""#))
  }

  /// A reservation once carried the pool's generation, so that two documents had the same number.
  @Test func `a reservation has its own document and no generation, and leaves plain reads alone`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    bench.refresher.send(.reservationRequested(.hours(4)), to: role)
    bench.advance(.seconds(2))
    bench.grantAll()
    let query = ReaderQuery(minTTL: .hours(3), since: bench.now, deadline: bench.now)
    guard case .session(let session) = role.machine.offer(to: query, at: bench.now) else {
      Issue.record("no reservation")
      return
    }
    let handout = try #require(bench.refresher.handout(of: session, for: role))
    let response = try #require(handout.response(at: bench.now))
    #expect(handout.generation == nil && !text(response.head).contains("Rolekeeper-Generation"))
    #expect(text(response.body).contains(#""AccessKeySecret":"secret2","SecurityToken":"token2""#))
    #expect(role.current?.session.accessKeyID == "STS.1" && role.current?.generation == 1)
    weak let document = handout.document
    #expect(document != nil)
  }

  @Test func `the variables for a shell have the same values as the document`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    let handout = try #require(role.current)
    #expect(
      try text(handout.rendered(as: .env, for: role.name)) == """
        ALIBABA_CLOUD_ACCESS_KEY_ID='STS.1'
        ALIBABA_CLOUD_ACCESS_KEY_SECRET='secret1'
        ALIBABA_CLOUD_SECURITY_TOKEN='token1'
        OSS_ACCESS_KEY_ID='STS.1'
        OSS_ACCESS_KEY_SECRET='secret1'
        OSS_SESSION_TOKEN='token1'
        ROLEKEEPER_EXPIRATION='\(handout.session.expiration)'
        export ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN \
        OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET OSS_SESSION_TOKEN ROLEKEEPER_EXPIRATION

        """)
    #expect(
      try handout.rendered(as: .env, for: role.name) === handout.rendered(as: .env, for: role.name),
      "it is rendered once")
    #expect(try handout.rendered(as: .json, for: role.name) === handout.document)
  }

  @Test func `below the floor the answer has the remaining time`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    let handout = try #require(role.current)
    let response = try #require(handout.response(at: handout.session.expires - .seconds(600)))
    #expect(text(response.head).contains("\r\nRolekeeper-Below-Floor: 600\r\n"))
  }

  @Test func `within the lapse margin there is no answer`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    let handout = try #require(role.current)
    #expect(handout.response(at: handout.session.expires - .seconds(16)) != nil)
    #expect(handout.response(at: handout.session.expires - .seconds(15)) == nil)
    #expect(handout.response(at: handout.session.expires + .hours(1)) == nil)
  }

}

extension Handout {
  fileprivate func response(at now: Timestamp) -> Response? {
    var heads = HandoutHeads()
    return response(at: now, heads: &heads)
  }
}
