internal import CLZMA
internal import Core

/// The checksum that OSS keeps of each object and part, `x-oss-hash-crc64ecma`: CRC-64/XZ, written in decimal.
///
/// Polynomial 0x42F0E1EBA9EA3693 of ECMA-182, reflected, start and end complemented (measured against oss2 2.19.1).
package struct CRC64: Hashable, Sendable, CustomStringConvertible {
  /// The checksum of the bytes so far; 0 for none.
  package var value: UInt64

  package init() { value = 0 }

  package init(value: UInt64) { self.value = value }

  /// Reads an unsigned decimal number as the header has it; nil for anything else.
  package init?(decimal text: some StringProtocol) {
    guard text.utf8.count <= 20, let value = UInt64(decimal: text) else { return nil }
    self.value = value
  }

  package var description: String { String(value) }

  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    value = clzma_crc64(start.assumingMemoryBound(to: UInt8.self), bytes.count, value)
  }

  /// The checksum of the bytes of `a` followed by the `lengthOfB` bytes of `b`.
  ///
  /// Takes time by the number of digits of `lengthOfB` alone. Appending n bytes multiplies a checksum by x^8n modulo the polynomial; the
  /// complements at start and end cancel out.
  package static func combine(_ a: CRC64, _ b: CRC64, lengthOfB: Int) -> CRC64 {
    precondition(lengthOfB >= 0, "a checksum of less than no bytes")
    var shifted = a.value
    // x^8, x^16, x^32 …: each is the square of the previous one.
    var power: UInt64 = 1 << (63 - 8)
    var rest = UInt(lengthOfB)
    while rest != 0 {
      if rest & 1 == 1 { shifted = product(shifted, power) }
      power = product(power, power)
      rest >>= 1
    }
    return CRC64(value: shifted ^ b.value)
  }

  /// The product of two polynomials modulo that of the checksum. Reflected: the highest bit is the coefficient of 1, the lowest of x^63.
  private static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var (sum, shifted) = (UInt64(0), a)
    for bit in stride(from: 63, through: 0, by: -1) {
      if b >> UInt64(bit) & 1 == 1 { sum ^= shifted }
      // Times x.
      shifted = shifted >> 1 ^ (shifted & 1 == 1 ? 0xC96C_5795_D787_0F42 : 0)
    }
    return sum
  }
}
