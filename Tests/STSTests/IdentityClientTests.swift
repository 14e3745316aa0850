import CloudAPI
import Core
import Glibc
import HTTPClient
import Logs
import Secrets
import Settings
import Systemd
import TestSupport
import Testing

@testable import STS

/// Asking STS for a key's owner while many other requests are under way.
@Suite struct IdentityClientTests {
  /// Accepts connections and stays silent.
  private final class SilentServer {
    let port: UInt16
    private let descriptor: CInt

    init() throws {
      let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      self.descriptor = descriptor
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let status = withUnsafeMutableBytes(of: &address) { bytes in
        let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
        guard bind(descriptor, pointer, size) == 0, listen(descriptor, 64) == 0 else { return errno }
        return getsockname(descriptor, pointer, &size) == 0 ? 0 : errno
      }
      port = UInt16(bigEndian: address.sin_port)
      guard status == 0 else { throw StreamError(attempt: "listen", number: status) }
    }

    deinit { close(descriptor) }
  }

  private let key = AccessKey(id: "LTAIkey", secret: Secret(copying: Array("secret".utf8).span))

  /// "NoFreeConnection" was reported as the verdict on a key that nobody had asked about.
  @Test func `an inquiry waits while all connections are in use`() throws {
    let server = try SilentServer()
    let loop = try EventLoop()
    let http = try HTTPClient(
      loop,
      settings: HTTPClient.Settings(connectTimeout: .seconds(60), timeout: .seconds(60), lookupTimeout: .seconds(60)))
    let endpoint = try #require(Endpoint("127.0.0.1:\(server.port)"))
    let client = IdentityClient(
      scheduler: loop, http: http,
      endpointHealth: EndpointHealth(
        [endpoint], keeping: nil, log: LogRecorder().log),
      serverTime: { UTCTime(seconds: 1_800_000_000) })
    var ended = 0
    client.ended = { ended += 1 }
    let others = try (0..<HTTPClient.handles).map { _ in
      try http.send(HTTPRequest(.post, "https://127.0.0.1:\(server.port)/")) { _, _ in }
    }
    var answers: [STSAnswer<CallerIdentity>] = []
    var inquiry: AnyObject? = client.ask(SigningIdentity(key)) { answers.append($0) }
    #expect(!client.hasRoom)
    while try loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(answers.isEmpty && ended == 0)
    http.cancel(others[0])
    #expect(http.freeHandles == 0, "the one that is free is the inquiry's")
    while try loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(http.freeHandles == 0 && answers.isEmpty, "it is on its way")
    inquiry = nil
    #expect(http.freeHandles == 1 && inquiry == nil)
  }
}
