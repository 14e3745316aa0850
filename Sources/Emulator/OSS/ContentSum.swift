import CGnuTLS

/// Size and checksums of a body.
struct ContentSum: Sendable, Equatable {
  let size: Int
  let crc64: UInt64
  /// Sixteen bytes: the MD5, or its substitute with `OSSSettings.ETag.crc`.
  let digest: [UInt8]

  /// In quotes, as OSS writes it.
  var etag: String { "\"\(TextCoding.upperHex(digest))\"" }
}

/// Computes a body's checksums as it arrives.
struct ContentSummer {
  private var crc = CRC64()
  private var size = 0
  private let md5: MD5?

  /// Without MD5 it saves a second per gigabyte, and the digest is made from the other values.
  init(withMD5: Bool) { md5 = withMD5 ? MD5() : nil }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    size += bytes.count
    crc.update(bytes)
    md5?.update(bytes)
  }

  /// To be called once.
  func sum() -> ContentSum {
    ContentSum(size: size, crc64: crc.value, digest: md5?.digest() ?? MD5.of(Array("\(crc.value) \(size)".utf8)))
  }
}

/// MD5 of bytes as they come, by GnuTLS.
final class MD5 {
  private let handle: gnutls_hash_hd_t

  init() {
    var handle: gnutls_hash_hd_t?
    let code = gnutls_hash_init(&handle, GNUTLS_DIG_MD5)
    precondition(code == 0, "GnuTLS has no MD5")
    self.handle = handle!
  }

  deinit { gnutls_hash_deinit(handle, nil) }

  static func of(_ bytes: [UInt8]) -> [UInt8] {
    let md5 = MD5()
    bytes.withUnsafeBytes { md5.update($0) }
    return md5.digest()
  }

  func update(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    let code = gnutls_hash(handle, bytes.baseAddress, bytes.count)
    precondition(code == 0, "GnuTLS fails at MD5")
  }

  /// The digest so far, sixteen bytes; starts again afterwards.
  func digest() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 16) { buffer, filled in
      gnutls_hash_output(handle, buffer.baseAddress)
      filled = 16
    }
  }
}
