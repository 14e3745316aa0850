import CCrypto
import Core

/// Why a certificate doesn't identify a host.
package enum CertificateProblem: Error, Hashable, CustomStringConvertible {
  case notOneCertificate
  case unreadable
  case noName

  package var description: String {
    switch self {
    case .notOneCertificate: "the header isn't one certificate in PEM form, percent-encoded"
    case .unreadable: "the certificate or its subjectAltName can't be read"
    case .noName: "the certificate has no DNS name, URI or common name that names one host"
    }
  }
}

/// A host's certificate as the proxy passes it on (nginx's `$ssl_client_escaped_cert`). The proxy has verified it: its chain, its dates, its
/// purpose and the revocation list; here it is only read.
struct Certificate {
  /// SHA-256 of a certificate in DER.
  struct Fingerprint: Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    fileprivate init(_ digest: UnsafeRawBufferPointer) {
      func word(_ place: Int) -> UInt64 { digest.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self) }
      words = (word(0), word(1), word(2), word(3))
    }

    static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    /// It is a hash already.
    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
  }

  /// The longest that is taken, in bytes as they are sent.
  static let mostBytes = 16_384

  private var text = [UInt8](repeating: 0, count: mostBytes)
  /// Room for the certificate in DER, of which the first `count` bytes are one.
  private var der = [UInt8](repeating: 0, count: mostBytes)
  private var count = 0

  init() {}

  /// Decodes a certificate and returns its fingerprint: for one of 1.5 kB some 6 µs.
  mutating func decode(_ escaped: Span<UInt8>) throws(CertificateProblem) -> Fingerprint {
    count = 0
    guard let length = unescape(escaped) else { throw .notOneCertificate }
    let size = text.withUnsafeBufferPointer { text in
      der.withUnsafeMutableBufferPointer { ccrypto_certificate_der(text.baseAddress!, length, $0.baseAddress!) }
    }
    guard size > 0 else { throw .notOneCertificate }
    count = size
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(CCRYPTO_SHA256_SIZE)) { digest in
      let failed = der.withUnsafeBufferPointer { ccrypto_sha256($0.baseAddress!, count, digest.baseAddress!) }
      precondition(failed == 0, "libcrypto has no SHA-256")
      return Fingerprint(UnsafeRawBufferPointer(digest))
    }
  }

  /// The names in the certificate that was decoded last: some 100 µs, most of them for its key, which libcrypto reads, too.
  func names() throws(CertificateProblem) -> CertificateNames {
    var found = FoundNames()
    let failed = der.withUnsafeBufferPointer { der in
      withUnsafeMutablePointer(to: &found) { found in
        ccrypto_certificate_names(
          der.baseAddress!, count,
          { context, kind, bytes, count in
            context!.assumingMemoryBound(to: FoundNames.self).pointee.add(
              kind, UnsafeBufferPointer(start: bytes, count: count))
          }, found)
      }
    }
    guard failed == 0 else { throw .unreadable }
    return CertificateNames(dns: found.dns, uris: found.uris, commonNames: found.common)
  }

  /// Decodes percent-encoded bytes into `text`; returns how many there are, nil if they are malformed or too many.
  private mutating func unescape(_ escaped: Span<UInt8>) -> Int? {
    guard escaped.count <= Self.mostBytes else { return nil }
    return escaped.withUnsafeBufferPointer { escaped in
      // Through a pointer: a check for each byte of an array would be most of the time.
      text.withUnsafeMutableBufferPointer { Self.unescape(escaped, into: $0) }
    }
  }

  private static func unescape(
    _ escaped: UnsafeBufferPointer<UInt8>, into text: UnsafeMutableBufferPointer<UInt8>
  ) -> Int? {
    var at = 0
    var length = 0
    while at < escaped.count {
      var byte = escaped[at]
      at += 1
      if byte == UInt8(ascii: "%") {
        guard at + 1 < escaped.count, let high = escaped[at].hexValue, let low = escaped[at + 1].hexValue else {
          return nil
        }
        byte = high << 4 | low
        at += 2
      }
      text[length] = byte
      length += 1
    }
    return length
  }
}

private struct FoundNames {
  var dns: [String] = []
  var uris: [String] = []
  var common: [String] = []

  /// What isn't UTF-8 becomes a text that no host can have.
  mutating func add(_ kind: ccrypto_name_kind, _ bytes: UnsafeBufferPointer<UInt8>) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch kind {
    case CCRYPTO_DNS_NAME: dns.append(text)
    case CCRYPTO_URI: uris.append(text)
    default: common.append(text)
    }
  }
}
