import STS
import Secrets
import TestSupport
import Testing

@Suite struct ProxyPasswordTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func read(_ text: String) throws -> String {
    let password = try ProxyPassword.read(try directory.write(text, to: "password", mode: 0o400))
    return password.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
  }

  /// The proxy refused a password because an editor had put a byte order mark before it.
  @Test(arguments: ["pass word", "pass word\n", "\u{FEFF}pass word\r\n"])
  func `the line's end and a byte order mark aren't part of the password`(_ text: String) throws {
    #expect(try read(text) == "pass word")
  }

  @Test func `a mark alone is no password, and UTF-16 is named`() {
    #expect { try read("\u{FEFF}\n") } throws: { "\($0)".contains("empty") }
    #expect { try read("p\u{0}a\u{0}s\u{0}") } throws: { "\($0)".contains("UTF-16LE") }
  }
}
