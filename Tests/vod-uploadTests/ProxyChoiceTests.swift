import Secrets
import Testing

@testable import vod_upload

@Suite struct ProxyChoiceTests {
  /// URL, user and password, blanks between; nil for what is refused.
  private func read(_ text: String) -> String? {
    guard case .proxy(let url, let user, let password)? = try? ProxyChoice(Array(text.utf8).span) else { return nil }
    let secret = password.map {
      $0.withBytes { bytes in bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    }
    return [url, user, secret].compactMap { $0 }.joined(separator: " ")
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let reads: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Case(text: "http://proxy.example:3128", reads: "http://proxy.example:3128"),
    Case(text: "HTTP://Proxy.example:3128/", reads: "http://proxy.example:3128"),
    Case(text: "proxy:3128", reads: "http://proxy:3128"),
    Case(text: "http://[::1]:3128", reads: "http://[::1]:3128"),
    Case(text: "http://me@proxy:3128", reads: "http://proxy:3128 me"),
    Case(text: "http://me:a%40b@proxy:3128", reads: "http://proxy:3128 me a@b"),
    Case(text: "http://me:a@b@proxy:3128", reads: "http://proxy:3128 me a@b"),
    Case(text: "http://me:a:b@proxy:3128", reads: "http://proxy:3128 me a:b"),
    Case(text: "https://proxy:3128", reads: nil), Case(text: "socks5://proxy:1080", reads: nil),
    Case(text: "http://proxy", reads: nil), Case(text: "http://proxy:0", reads: nil),
    Case(text: "http://proxy:70000", reads: nil), Case(text: "http://:3128", reads: nil),
    Case(text: "http://proxy:3128/path", reads: nil), Case(text: "http://me:%4@proxy:3128", reads: nil),
    Case(text: "http://me:a%0Ab@proxy:3128", reads: nil), Case(text: "http://a b:3128", reads: nil),
    Case(text: "", reads: nil),
  ])
  func `a proxy is host and port, with or without user and password`(_ row: Case) {
    #expect(read(row.text) == row.reads)
  }

  @Test func `the option may be 'none' for no proxy`() throws {
    guard case .none = try ProxyChoice(option: "none") else {
      Issue.record("not none")
      return
    }
  }
}
