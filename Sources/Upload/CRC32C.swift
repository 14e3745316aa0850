/// CRC-32C: polynomial 0x1EDC6F41 (Castagnoli), reflected, register and final XOR all ones (RFC 3720, section 12.1). That of `123456789` is
/// 0xE3069283.
enum CRC32C {
  static func checksum(of bytes: Span<UInt8>) -> UInt32 {
    // Held here, since a global is looked up each time.
    let table = Self.table.span
    var register = UInt32.max
    for index in bytes.indices {
      register = table[Int(UInt8(truncatingIfNeeded: register) ^ bytes[index])] ^ register >> 8
    }
    return ~register
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { register, _ in register >> 1 ^ (register & 1 == 0 ? 0 : 0x82F6_3B78) }
  }
}
