import Core
import Testing

@Suite struct DecimalTests {
  @Test func `digits alone are a number, as far as it fits`() {
    #expect(Int(decimal: "0") == 0 && Int(decimal: "007") == 7 && UInt8(decimal: "255") == 255)
    #expect(UInt64(decimal: "18446744073709551615") == .max && Int64(decimal: "9223372036854775807") == .max)
    #expect(UInt8(decimal: "256") == nil && UInt64(decimal: "18446744073709551616") == nil)
    #expect(Int64(decimal: "9223372036854775808") == nil && UInt8(decimal: "2550") == nil)
  }

  @Test(arguments: ["", "+1", "-1", "-0", " 1", "1 ", "1_0", "0x1", "1.", "１", "1\u{301}", "1\0"])
  func `anything else is none`(_ text: String) {
    #expect(Int(decimal: text) == nil && UInt32(decimal: text) == nil)
  }
}
