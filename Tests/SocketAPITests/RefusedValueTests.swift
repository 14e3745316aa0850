import Testing

@testable import SocketAPI

@Suite struct RefusedValueTests {
  @Test func `text from outside is shortened and without control characters`() {
    #expect(RefusedValue.shown("1h30") == "1h30")
    #expect(RefusedValue.shown("a\n\u{1B}[31mb\u{7F}é") == #"a\n\u{1B}[31mb\u{7F}\u{00E9}"#)
    let exact = String(repeating: "x", count: 64)
    #expect(RefusedValue.shown(exact) == exact)
    #expect(RefusedValue.shown(exact + "y") == exact + "…")
  }
}
