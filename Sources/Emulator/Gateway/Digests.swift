import CGnuTLS

/// Hashes, keyed hashes and random bytes, all by GnuTLS.
enum Digests {
  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
      let code = bytes.withUnsafeBytes {
        gnutls_hash_fast(GNUTLS_DIG_SHA256, $0.baseAddress, $0.count, digest.baseAddress)
      }
      precondition(code == 0, "GnuTLS has no SHA-256")
      return Array(digest)
    }
  }

  static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    hmac(GNUTLS_MAC_SHA256, length: 32, key: key, bytes)
  }

  static func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    hmac(GNUTLS_MAC_SHA1, length: 20, key: key, bytes)
  }

  static func random(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let code = gnutls_rnd(GNUTLS_RND_KEY, buffer.baseAddress, count)
      precondition(code == 0, "GnuTLS has no random numbers")
      filled = count
    }
  }

  /// Compares in a time that doesn't depend on where the arrays differ.
  static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private static func hmac(
    _ algorithm: gnutls_mac_algorithm_t, length: Int, key: [UInt8], _ bytes: [UInt8]
  ) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length) { digest in
      let code = key.withUnsafeBytes { key in
        bytes.withUnsafeBytes {
          gnutls_hmac_fast(algorithm, key.baseAddress, key.count, $0.baseAddress, $0.count, digest.baseAddress)
        }
      }
      precondition(code == 0, "GnuTLS has no such HMAC")
      return Array(digest)
    }
  }
}
