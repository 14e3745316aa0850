import Testing

@testable import struct HTTPClient.ProxyExemptions

@Suite struct ProxyExemptionsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let list: String
    let url: String
    let isExempt: Bool
    var testDescription: String { "\(list) and \(url)" }
  }

  @Test(arguments: [
    Case(list: "", url: "https://vod.example", isExempt: false),
    Case(list: "*", url: "https://vod.example", isExempt: true),
    Case(list: "*", url: "https://10.0.0.1", isExempt: true),
    Case(list: "example", url: "https://example/a?b", isExempt: true),
    Case(list: "example", url: "https://vod.example:443/", isExempt: true),
    Case(list: ".example", url: "https://vod.example", isExempt: true),
    Case(list: ".example", url: "https://example", isExempt: true),
    Case(list: "Vod.EXAMPLE.", url: "https://vod.example", isExempt: true),
    Case(list: "vod.example:8443", url: "https://vod.example", isExempt: true),
    Case(list: "a.test, b.test\tvod.example", url: "https://VOD.example.", isExempt: true),
    Case(list: "vod.example", url: "https://notvod.example", isExempt: false),
    Case(list: "vod.example", url: "https://example", isExempt: false),
    Case(list: "*.example", url: "https://vod.example", isExempt: false),
    Case(list: "10.0.0.1", url: "https://10.0.0.1:8443/", isExempt: true),
    Case(list: "10.0.0.1:8443", url: "https://10.0.0.1", isExempt: true),
    Case(list: "10.0.0.1", url: "https://10.0.0.11", isExempt: false),
    Case(list: "0.0.1", url: "https://10.0.0.1", isExempt: false),
    Case(list: "10.0.0.0/8", url: "https://10.200.3.4", isExempt: true),
    Case(list: "10.0.0.0/8", url: "https://11.0.0.1", isExempt: false),
    Case(list: "10.0.0.0/12", url: "https://10.15.0.1", isExempt: true),
    Case(list: "10.0.0.0/12", url: "https://10.16.0.1", isExempt: false),
    Case(list: "0.0.0.0/0", url: "https://10.16.0.1", isExempt: true),
    Case(list: "0.0.0.0/0", url: "https://[fd00::1]", isExempt: false),
    Case(list: "10.0.0.0/33", url: "https://10.0.0.1", isExempt: false),
    Case(list: "10.0.0.0/+8", url: "https://10.0.0.1", isExempt: false),
    Case(list: "10.0.0.0/-0", url: "https://192.0.2.1", isExempt: false),
    Case(list: "10.0.0.0/", url: "https://10.0.0.0", isExempt: false),
    Case(list: "fd00::/8", url: "https://[fd12:3456::1]:8443/", isExempt: true),
    Case(list: "[::1]", url: "https://[::1]", isExempt: true),
    Case(list: "::1", url: "https://[0:0:0:0:0:0:0:1]", isExempt: true),
    Case(list: "::1", url: "https://127.0.0.1", isExempt: false),
  ])
  func `a list exempts hosts, their subdomains and networks`(_ row: Case) {
    #expect(ProxyExemptions(row.list).contain(hostOf: row.url) == row.isExempt)
  }
}
