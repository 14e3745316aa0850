/// The gzip form of bytes (RFC 1952), with deflate's simplest blocks, which store the bytes unchanged (RFC 1951, section 3.2.4).
enum Gzip {
  static func stored(_ bytes: [UInt8]) -> [UInt8] {
    // Deflate, no flags, no time, no compression level, Unix.
    var coded: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    var rest = bytes[...]
    repeat {
      let block = rest.prefix(65_535)
      rest = rest.dropFirst(block.count)
      coded.append(rest.isEmpty ? 1 : 0)
      append(UInt16(block.count), to: &coded)
      append(~UInt16(block.count), to: &coded)
      coded += block
    } while !rest.isEmpty
    append(checksum(bytes), to: &coded)
    append(UInt32(truncatingIfNeeded: bytes.count), to: &coded)
    return coded
  }

  private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
  }

  /// CRC-32 as in ISO 3309.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var register = UInt32.max
    for byte in bytes {
      register ^= UInt32(byte)
      for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~register
  }
}
