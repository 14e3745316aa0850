import Core
import Testing

@Suite struct CredentialTextTests {
  @Test func `an id, a secret or a token has only characters that are literal in every format`() {
    let suitable = Set(
      #"!#$%&()*+-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~"#.utf8)
    for byte in UInt8.min...UInt8.max {
      #expect(byte.isCredentialText == suitable.contains(byte), "byte \(byte)")
      for place in [0, 1, 31, 69] {
        var text = [UInt8](repeating: 0x41, count: 70)
        text[place] = byte
        #expect(text.span.isCredentialText == suitable.contains(byte), "byte \(byte) at \(place)")
      }
    }
  }
}
