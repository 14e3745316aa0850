import Testing

@testable import Emulator

@Suite struct WildcardTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let pattern: String
    let text: String
    let fits: Bool
    var singles = false

    var testDescription: String { "'\(pattern)' and '\(text)'" }
  }

  @Test(arguments: [
    Case(pattern: "*", text: "", fits: true),
    Case(pattern: "*", text: "sts:AssumeRole", fits: true),
    Case(pattern: "", text: "", fits: true),
    Case(pattern: "", text: "a", fits: false),
    Case(pattern: "sts:*", text: "sts:AssumeRole", fits: true),
    Case(pattern: "sts:*", text: "ststs:AssumeRole", fits: false),
    Case(pattern: "*Role", text: "sts:AssumeRole", fits: true),
    Case(pattern: "*Role", text: "sts:AssumeRoleX", fits: false),
    Case(pattern: "a*b*c", text: "aXbYbZc", fits: true),
    Case(pattern: "a*b*c", text: "aXcYb", fits: false),
    Case(pattern: "a**", text: "a", fits: true),
    Case(pattern: "a?c", text: "abc", fits: false),
    Case(pattern: "a?c", text: "abc", fits: true, singles: true),
    Case(pattern: "a?c", text: "a?c", fits: true),
    Case(pattern: "a?c", text: "ac", fits: false, singles: true),
    Case(pattern: "caf?", text: "café", fits: true, singles: true),
    Case(pattern: "caf??", text: "café", fits: false, singles: true),
    Case(pattern: "?-*", text: "媒-体", fits: true, singles: true),
    Case(pattern: "*?", text: "😀", fits: true, singles: true),
    Case(pattern: "??", text: "e\u{301}", fits: true, singles: true),
    Case(pattern: "aab*", text: "aaab", fits: false),
    Case(pattern: "*aab", text: "aaab", fits: true),
    Case(pattern: "é*", text: "e\u{301}x", fits: false),
  ])
  func `a star stands for any run of characters`(_ row: Case) {
    #expect(Wildcard.matches(row.pattern, row.text, singles: row.singles) == row.fits)
  }

  @Test func `many stars take no exponential time`() {
    #expect(!Wildcard.matches(String(repeating: "a*", count: 500) + "b", String(repeating: "a", count: 5000)))
  }
}
