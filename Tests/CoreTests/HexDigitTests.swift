import Core
import Testing

@Suite struct HexDigitTests {
  @Test func `each digit has its value in either case, and no other character has one`() {
    for byte in UInt8.min...UInt8.max {
      let expected = byte.isHexDigit ? UInt8(String(UnicodeScalar(byte)), radix: 16) : nil
      #expect(byte.hexValue == expected, "\(byte)")
    }
    #expect("09afAF".utf8.map(\.hexValue) == [0, 9, 10, 15, 10, 15])
  }

  @Test func `a value is written in lower case`() {
    #expect(String(decoding: (0..<16).map { UInt8(hexDigitOf: $0) }, as: UTF8.self) == "0123456789abcdef")
  }
}
