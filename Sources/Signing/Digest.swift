internal import CCrypto
internal import Core
internal import Secrets

/// SHA-256, HMAC-SHA256 and HMAC-SHA1, by libcrypto; as lower-case hex unless stated otherwise.
///
/// libcrypto fails only for lack of memory, when Swift would end the process as well.
package enum Digest {
  private static let size = Int(CCRYPTO_SHA256_SIZE)

  package static func sha256(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { bytes in
      hex { ccrypto_sha256(bytes.baseAddress, bytes.count, $0) }
    }
  }

  static func hmacSHA256(_ bytes: Span<UInt8>, key: Secret) -> String {
    hmac(bytes, key) { key, bytes in
      hex { ccrypto_hmac_sha256(key.baseAddress, key.count, bytes.baseAddress, bytes.count, $0) }
    }
  }

  /// The code as bytes, for use as a key.
  static func keyByHMACSHA256(_ text: String, key: Secret) -> Secret {
    var text = text
    return text.withUTF8 { text in
      hmac(text.span, key) { key, text in
        Secret(unsafeUninitializedCapacity: size) { mac in
          let failed = ccrypto_hmac_sha256(key.baseAddress, key.count, text.baseAddress, text.count, mac.baseAddress)
          precondition(failed == 0, "libcrypto has no SHA-256")
          return size
        }
      }
    }
  }

  /// In base64 with its padding.
  static func hmacSHA1(_ bytes: Span<UInt8>, key: Secret) -> String {
    hmac(bytes, key) { key, bytes in
      let mac = [UInt8](unsafeUninitializedCapacity: Int(CCRYPTO_SHA1_SIZE)) { mac, count in
        let failed = ccrypto_hmac_sha1(key.baseAddress, key.count, bytes.baseAddress, bytes.count, mac.baseAddress)
        precondition(failed == 0, "libcrypto has no SHA-1")
        count = Int(CCRYPTO_SHA1_SIZE)
      }
      return base64(mac)
    }
  }

  private static func hmac<Code>(
    _ bytes: Span<UInt8>, _ key: Secret,
    _ calculate: (_ key: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>) -> Code
  ) -> Code {
    key.withBytes { key in
      key.withUnsafeBufferPointer { key in bytes.withUnsafeBufferPointer { bytes in calculate(key, bytes) } }
    }
  }

  /// The digest that `calculate` writes; it returns 0 on success.
  private static func hex(_ calculate: (UnsafeMutablePointer<UInt8>) -> CInt) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size) { bytes in
      precondition(calculate(bytes.baseAddress!) == 0, "libcrypto has no SHA-256")
      return String(unsafeUninitializedCapacity: 2 * size) { text in
        for place in 0..<size {
          text[2 * place] = UInt8(hexDigitOf: bytes[place] >> 4)
          text[2 * place + 1] = UInt8(hexDigitOf: bytes[place] & 0xF)
        }
        return 2 * size
      }
    }
  }

  /// RFC 4648, section 4.
  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for place in 0..<4 {
        let digit = alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)]
        text.append(place <= group.count ? digit : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
