internal import CCrypto
internal import Secrets

/// SHA-256 and HMAC-SHA256 as lower-case hex, by libcrypto.
///
/// libcrypto refuses neither but for want of memory, where Swift ends the process as well.
enum Digest {
  static func sha256(_ bytes: Span<UInt8>) -> String {
    var digest = [UInt8](repeating: 0, count: Int(CCRYPTO_SHA256_SIZE))
    let result = bytes.withUnsafeBufferPointer { ccrypto_sha256($0.baseAddress, $0.count, &digest) }
    precondition(result == 0, "libcrypto has no SHA-256")
    return hex(digest)
  }

  static func hmacSHA256(_ bytes: Span<UInt8>, key: Secret) -> String {
    var mac = [UInt8](repeating: 0, count: Int(CCRYPTO_SHA256_SIZE))
    let result = key.withBytes { key in
      key.withUnsafeBufferPointer { key in
        bytes.withUnsafeBufferPointer { bytes in
          ccrypto_hmac_sha256(key.baseAddress, key.count, bytes.baseAddress, bytes.count, &mac)
        }
      }
    }
    precondition(result == 0, "libcrypto has no HMAC-SHA256")
    return hex(mac)
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
  }
}
