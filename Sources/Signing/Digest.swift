internal import CCrypto
internal import Secrets

/// SHA-256 and HMAC-SHA256 as lower-case hex, by libcrypto.
///
/// libcrypto refuses neither but for want of memory, where Swift ends the process as well.
enum Digest {
  private static let size = Int(CCRYPTO_SHA256_SIZE)

  static func sha256(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { bytes in
      hex { ccrypto_sha256(bytes.baseAddress, bytes.count, $0) }
    }
  }

  static func hmacSHA256(_ bytes: Span<UInt8>, key: Secret) -> String {
    key.withBytes { key in
      key.withUnsafeBufferPointer { key in
        bytes.withUnsafeBufferPointer { bytes in
          hex { ccrypto_hmac_sha256(key.baseAddress, key.count, bytes.baseAddress, bytes.count, $0) }
        }
      }
    }
  }

  /// What `calculate` writes, unless it returns another number than 0.
  private static func hex(_ calculate: (UnsafeMutablePointer<UInt8>) -> CInt) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size) { bytes in
      precondition(calculate(bytes.baseAddress!) == 0, "libcrypto has no SHA-256")
      return String(unsafeUninitializedCapacity: 2 * size) { text in
        for place in 0..<size {
          text[2 * place] = digit(bytes[place] >> 4)
          text[2 * place + 1] = digit(bytes[place] & 0xF)
        }
        return 2 * size
      }
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
