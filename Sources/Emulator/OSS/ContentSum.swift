import CGnuTLS

/// Size and checksums of a body.
struct ContentSum: Sendable, Equatable {
  let size: Int
  let crc64: UInt64
  /// Sixteen bytes: the MD5, or its substitute with `OSSSettings.ETag.crc`.
  let digest: [UInt8]
  /// Nil unless it was asked for.
  var sha256: [UInt8]? = nil

  /// In quotes, as OSS writes it.
  var etag: String { "\"\(TextCoding.upperHex(digest))\"" }
}

/// Computes a body's checksums as it arrives.
struct ContentSummer {
  private var crc = CRC64()
  private var size = 0
  private let md5: StreamDigest?
  private let sha256: StreamDigest?

  /// Without MD5 it saves a second per gigabyte, and the digest is made from the other values.
  init(withMD5: Bool, withSHA256: Bool = false) {
    md5 = withMD5 ? StreamDigest(GNUTLS_DIG_MD5, length: 16) : nil
    sha256 = withSHA256 ? StreamDigest(GNUTLS_DIG_SHA256, length: 32) : nil
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    size += bytes.count
    crc.update(bytes)
    md5?.update(bytes)
    sha256?.update(bytes)
  }

  /// To be called once.
  func sum() -> ContentSum {
    ContentSum(
      size: size, crc64: crc.value, digest: md5?.digest() ?? MD5.of(Array("\(crc.value) \(size)".utf8)),
      sha256: sha256?.digest())
  }
}

enum MD5 {
  static func of(_ bytes: [UInt8]) -> [UInt8] {
    let md5 = StreamDigest(GNUTLS_DIG_MD5, length: 16)
    bytes.withUnsafeBytes { md5.update($0) }
    return md5.digest()
  }
}

/// A digest of bytes as they come, by GnuTLS.
final class StreamDigest {
  private let handle: gnutls_hash_hd_t
  private let length: Int

  /// `length` is that of the algorithm's digests, in bytes.
  init(_ algorithm: gnutls_digest_algorithm_t, length: Int) {
    var handle: gnutls_hash_hd_t?
    let code = gnutls_hash_init(&handle, algorithm)
    precondition(code == 0, "GnuTLS has no such digest")
    self.handle = handle!
    self.length = length
  }

  deinit { gnutls_hash_deinit(handle, nil) }

  func update(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    let code = gnutls_hash(handle, bytes.baseAddress, bytes.count)
    precondition(code == 0, "GnuTLS fails at a digest")
  }

  /// The digest so far; starts again afterwards.
  func digest() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
      gnutls_hash_output(handle, buffer.baseAddress)
      filled = length
    }
  }
}
