import CCrypto
import Core

/// Entity tags (RFC 9110, 8.8.3).
package enum EntityTag {
  private static let size = 16

  /// A strong tag, with its quotes, for whatever `text` describes: other texts have other tags (SHA-256, of which it has 128 bits).
  package static func of(_ text: String) -> String {
    var digest = [UInt8](repeating: 0, count: Int(CCRYPTO_SHA256_SIZE))
    let bytes = Array(text.utf8)
    let failed = ccrypto_sha256(bytes, bytes.count, &digest)
    precondition(failed == 0, "libcrypto has no SHA-256")
    let digits = digest.prefix(size).flatMap { [UInt8(hexDigitOf: $0 >> 4), UInt8(hexDigitOf: $0 & 0xF)] }
    return "\"\(String(decoding: digits, as: UTF8.self))\""
  }
}
