import Testing

@testable import Upload

@Suite struct CRC32CTests {
  @Test func `the check value of the catalogue and that of 32 zeroes (RFC 3720, appendix B.4) come out`() {
    #expect(CRC32C.checksum(of: Array("123456789".utf8).span) == 0xE306_9283)
    #expect(CRC32C.checksum(of: [UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
    #expect(CRC32C.checksum(of: [UInt8]().span) == 0)
  }
}
