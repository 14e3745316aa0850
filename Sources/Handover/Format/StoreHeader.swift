import Core

/// The first bytes of a store, in little-endian order as all of it:
///
///     0   "rkhandov"
///     8   the format's version
///     12  CRC-32C of all of the header but this and the commit word
///     16  the boot's id, 16 bytes
///     32  zeroes
///     48  the commit word: how long the store is, and above it the CRC-32C of that number
///     56  zeroes
///     64  the records
///
/// The commit word is written last, in one piece. Bytes after the length that it states were never committed, and
/// aren't read.
package enum StoreHeader {
  /// Raised whenever a build would read something else in a store than the build that wrote it.
  package static let version: UInt32 = 5
  package static let size = 64
  package static let commitPlace = 48

  private static let mark = Array("rkhandov".utf8)

  /// A header without a valid commit word.
  package static func bytes(of boot: BootID, version: UInt32 = version) -> [UInt8] {
    var header = mark
    header.appendNumber(version)
    header.appendNumber(0 as UInt32)
    header += boot.bytes
    header += [UInt8](repeating: 0, count: size - header.count)
    let sum = checksum(of: header.span)
    for byte in 0..<4 { header[12 + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * byte)) }
    return header
  }

  /// The commit word of a store with `length` bytes, which is below 4 GiB.
  package static func commitWord(_ length: Int) -> UInt64 {
    let length = UInt32(length)
    return UInt64(checksum(of: length)) << 32 | UInt64(length)
  }

  /// The committed length of the store whose bytes are `image`.
  static func length(of image: Span<UInt8>, boot: BootID) throws(StoreDefect) -> Int {
    guard image.count >= size, mark.indices.allSatisfy({ image[$0] == mark[$0] }) else { throw .notAStore }
    var cursor = FieldCursor(8..<size)
    let version: UInt32 = cursor.number(in: image)!
    let sum: UInt32 = cursor.number(in: image)!
    guard sum == checksum(of: image) else { throw .headerDamaged }
    guard version == Self.version else { throw .otherVersion(version) }
    guard boot.bytes.indices.allSatisfy({ image[16 + $0] == boot.bytes[$0] }) else { throw .otherBoot }
    var commit = FieldCursor(commitPlace..<size)
    let length: UInt32 = commit.number(in: image)!
    let check: UInt32 = commit.number(in: image)!
    guard check == checksum(of: length), length >= size else { throw .headerDamaged }
    guard length <= image.count else { throw .cutOff(Int(length), there: image.count) }
    return Int(length)
  }

  private static func checksum(of header: Span<UInt8>) -> UInt32 {
    var sum = CRC32C()
    sum.update(header.extracting(0..<12))
    sum.update(header.extracting(16..<commitPlace))
    sum.update(header.extracting(commitPlace + 8..<size))
    return sum.value
  }

  private static func checksum(of length: UInt32) -> UInt32 {
    var bytes: [UInt8] = []
    bytes.appendNumber(length)
    return CRC32C.checksum(of: bytes.span)
  }
}

/// Identifies a boot of the host: 16 bytes that the kernel chose.
package struct BootID: Hashable, Sendable {
  package let bytes: [UInt8]

  /// Reads 32 hexadecimal digits, with or without hyphens (`/proc/sys/kernel/random/boot_id` has them, systemd's `%b`
  /// doesn't); nil for any other text.
  package init?(_ text: some StringProtocol) {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
    guard digits.count == 32, digits.allSatisfy({ $0.isHexDigit }) else { return nil }
    bytes = stride(from: 0, to: 32, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
    }
  }
}

extension [UInt8] {
  /// In little-endian order.
  mutating func appendNumber(_ number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}
