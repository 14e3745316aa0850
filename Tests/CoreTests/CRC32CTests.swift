import Core
import Testing

@Suite struct CRC32CTests {
  @Test func `the check values of the catalogue and of RFC 3720, appendix B.4, are computed`() {
    #expect(CRC32C.checksum(of: Array("123456789".utf8).span) == 0xE306_9283)
    #expect(CRC32C.checksum(of: [UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
    #expect(CRC32C.checksum(of: [UInt8](repeating: 0xFF, count: 32).span) == 0x62A8_AB43)
    #expect(CRC32C.checksum(of: Array(0..<32 as Range<UInt8>).span) == 0x46DD_794E)
    #expect(CRC32C.checksum(of: [UInt8]().span) == 0)
  }

  @Test func `the result doesn't depend on how the bytes are split`() {
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    for cut in 0...bytes.count {
      var sum = CRC32C()
      sum.update(bytes.span.extracting(0..<cut))
      sum.update(bytes.span.extracting(cut..<bytes.count))
      #expect(sum.value == CRC32C.checksum(of: bytes.span), "cut at \(cut)")
    }
  }
}
