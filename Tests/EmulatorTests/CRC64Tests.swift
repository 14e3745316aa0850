import TestSupport
import Testing

@testable import Emulator

@Suite struct CRC64Tests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let sum: UInt64

    var testDescription: String { name }
  }

  // Computed by oss2 2.19.1.
  @Test(arguments: [
    Case(name: "the usual check", bytes: Array("123456789".utf8), sum: 11_051_210_869_376_104_954),
    Case(name: "nothing", bytes: [], sum: 0),
    Case(name: "one zero byte", bytes: [0], sum: 2_282_658_103_124_508_505),
    Case(name: "the first part", bytes: Array("1234".utf8), sum: 14_865_968_487_149_912_872),
    Case(name: "the second part", bytes: Array("56789".utf8), sum: 7_598_038_797_645_275_211),
  ])
  func `the checksum is CRC-64/XZ`(_ row: Case) {
    #expect(CRC64.of(row.bytes) == row.sum)
  }

  @Test func `two checksums are combined into that of both texts`() {
    #expect(
      CRC64.combined(14_865_968_487_149_912_872, 7_598_038_797_645_275_211, length: 5) == 11_051_210_869_376_104_954)
    #expect(CRC64.combined(5, 0, length: 0) == 5)
    #expect(CRC64.combined(0, 11_051_210_869_376_104_954, length: 9) == 11_051_210_869_376_104_954)
  }

  /// Lengths near a word and a block of four lanes, at odd addresses, in one piece and in several.
  @Test(arguments: [1, 7, 8, 9, 63, 2047, 8191, 8192, 8193, 16_384, 20_001])
  func `a text's checksum doesn't depend on how it is split`(length: Int) {
    var generator = SeededGenerator(seed: UInt64(length))
    let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let expected = bitwise(bytes)
    #expect(CRC64.of(bytes) == expected)
    for _ in 0..<5 {
      let cut = Int.random(in: 0...length, using: &generator)
      var sum = CRC64()
      bytes.withUnsafeBytes { whole in
        sum.update(UnsafeRawBufferPointer(rebasing: whole[..<cut]))
        sum.update(UnsafeRawBufferPointer(rebasing: whole[cut...]))
      }
      #expect(sum.value == expected)
      let (head, tail) = (Array(bytes[..<cut]), Array(bytes[cut...]))
      #expect(CRC64.combined(CRC64.of(head), CRC64.of(tail), length: tail.count) == expected)
    }
  }

  private func bitwise(_ bytes: [UInt8]) -> UInt64 {
    var register = UInt64.max
    for byte in bytes {
      for bit in 0..<8 {
        let feedback = (register ^ UInt64(byte >> UInt8(bit))) & 1
        register = register >> 1 ^ (feedback == 1 ? 0xC96C_5795_D787_0F42 : 0)
      }
    }
    return ~register
  }
}
