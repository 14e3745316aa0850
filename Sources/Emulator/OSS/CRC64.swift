/// The checksum of `x-oss-hash-crc64ecma`, CRC-64/XZ: polynomial 0x42F0E1EBA9EA3693 (ECMA-182), reflected, the register
/// starting as all ones and inverted at the end.
struct CRC64: Sendable {
  private var register = UInt64.max

  var value: UInt64 { ~register }

  init() {}

  static func of(_ bytes: [UInt8]) -> UInt64 {
    var sum = CRC64()
    bytes.withUnsafeBytes { sum.update($0) }
    return sum.value
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    register = Self.tables.withUnsafeBufferPointer {
      Self.advanced(register, over: start, count: bytes.count, by: $0.baseAddress!)
    }
  }

  /// The checksum of two concatenated texts, from their own; `length` is the second's, in bytes.
  static func combined(_ first: UInt64, _ second: UInt64, length: Int) -> UInt64 {
    multiplied(first, power(ofBytes: length)) ^ second
  }
}

// Each of four lanes processes a quarter of a block, so that the processor has four independent chains of look-ups; a single chain
// would wait for itself. Their registers are combined as in `combined`.
extension CRC64 {
  private static let polynomial: UInt64 = 0xC96C_5795_D787_0F42
  private static let laneLength = 2048
  /// Where the tables begin that shift a register over a lane.
  private static let shift = 8 * 256

  /// The first eight tables have the register after a byte that 0 to 7 zero bytes follow; the next eight have, for each byte of a
  /// register, its value after as many zero bytes as a lane has.
  private static let tables: [UInt64] = {
    var tables = [UInt64](repeating: 0, count: 16 * 256)
    for byte in 0..<256 {
      var value = UInt64(byte)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? polynomial : 0) }
      tables[byte] = value
    }
    let lane = power(ofBytes: laneLength)
    for place in 0..<8 {
      for byte in 0..<256 {
        if place > 0 {
          let before = tables[(place - 1) * 256 + byte]
          tables[place * 256 + byte] = before >> 8 ^ tables[Int(before & 255)]
        }
        tables[shift + place * 256 + byte] = multiplied(UInt64(byte) << UInt64(8 * place), lane)
      }
    }
    return tables
  }()

  private static func advanced(
    _ register: UInt64, over start: UnsafeRawPointer, count: Int, by table: UnsafePointer<UInt64>
  ) -> UInt64 {
    var register = register
    var place = start
    var rest = count
    while rest >= 4 * laneLength {
      var (second, third, fourth): (UInt64, UInt64, UInt64) = (0, 0, 0)
      var offset = 0
      while offset < laneLength {
        register = looked(register ^ word(place, offset), in: table)
        second = looked(second ^ word(place, offset + laneLength), in: table)
        third = looked(third ^ word(place, offset + 2 * laneLength), in: table)
        fourth = looked(fourth ^ word(place, offset + 3 * laneLength), in: table)
        offset &+= 8
      }
      register = shifted(register, by: table) ^ second
      register = shifted(register, by: table) ^ third
      register = shifted(register, by: table) ^ fourth
      place += 4 * laneLength
      rest -= 4 * laneLength
    }
    while rest >= 8 {
      register = looked(register ^ word(place, 0), in: table)
      place += 8
      rest -= 8
    }
    while rest > 0 {
      register = register >> 8 ^ table[Int((register ^ UInt64(place.load(as: UInt8.self))) & 255)]
      place += 1
      rest -= 1
    }
    return register
  }

  @inline(__always)
  private static func word(_ place: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: place.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The register after eight bytes, which have already been XORed into it.
  @inline(__always)
  private static func looked(_ bits: UInt64, in table: UnsafePointer<UInt64>) -> UInt64 {
    table[1792 &+ Int(bits & 255)] ^ table[1536 &+ Int(bits >> 8 & 255)] ^ table[1280 &+ Int(bits >> 16 & 255)]
      ^ table[1024 &+ Int(bits >> 24 & 255)] ^ table[768 &+ Int(bits >> 32 & 255)]
      ^ table[512 &+ Int(bits >> 40 & 255)] ^ table[256 &+ Int(bits >> 48 & 255)] ^ table[Int(bits >> 56)]
  }

  private static func shifted(_ register: UInt64, by table: UnsafePointer<UInt64>) -> UInt64 {
    var sum: UInt64 = 0
    for place in 0..<8 { sum ^= table[shift + place * 256 + Int(register >> UInt64(8 * place) & 255)] }
    return sum
  }
}

// Polynomials over the field of two elements; the highest bit is the coefficient of 1.
extension CRC64 {
  private static func multiplied(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var (left, right) = (left, right)
    var product: UInt64 = 0
    while left != 0 {
      if left >> 63 == 1 { product ^= right }
      left <<= 1
      right = right >> 1 ^ (right & 1 == 1 ? polynomial : 0)
    }
    return product
  }

  /// x to the power of 8 · `count`, modulo the polynomial.
  private static func power(ofBytes count: Int) -> UInt64 {
    var result: UInt64 = 1 << 63
    var square: UInt64 = 1 << 55
    var exponent = count
    while exponent > 0 {
      if exponent & 1 == 1 { result = multiplied(result, square) }
      square = multiplied(square, square)
      exponent >>= 1
    }
    return result
  }
}
