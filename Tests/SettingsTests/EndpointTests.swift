import Settings
import Testing

@Suite struct EndpointTests {
  @Test(
    arguments: [
      ("sts.aliyuncs.com", "sts.aliyuncs.com", nil), ("127.0.0.1:8443", "127.0.0.1", 8443),
      ("localhost:1", "localhost", 1),
      ("[::1]:443", "[::1]", 443), ("[fe80::1]", "[fe80::1]", nil),
      ("STS-VPC.cn-beijing.aliyuncs.com", "STS-VPC.cn-beijing.aliyuncs.com", nil),
    ] as [(String, String, UInt16?)])
  func `an endpoint may have a port`(_ text: String, _ host: String, _ port: UInt16?) throws {
    let endpoint = try #require(Endpoint(text))
    #expect(endpoint.host == host)
    #expect(endpoint.port == port)
    #expect(endpoint.description == text)
  }

  @Test(arguments: [
    "", ":443", "host:", "host:0", "host:65536", "host:+1", "host:1:2", "https://host", "host/", "user@host", "a..b",
    "-a", "a-",
    "a b", "a_b", "[::1", "::1", "[]", "[::1]x", "host?x", "höst",
  ])
  func `anything else is refused`(_ text: String) { #expect(Endpoint(text) == nil) }
}
