import CCrypto
import Core

/// Why a certificate doesn't identify a host.
package enum CertificateProblem: Error, Hashable, CustomStringConvertible {
  case notOneCertificate
  case unreadable
  case noName
  case tooManyNames(Int)

  package var description: String {
    switch self {
    case .notOneCertificate: "the header isn't one certificate in PEM form, percent-encoded"
    case .unreadable: "the certificate or its subjectAltName can't be read"
    case .tooManyNames(let count):
      "the certificate has \(count) names, and one host has \(Certificate.mostNames) at the most; give each host a certificate of its own"
    case .noName: "the certificate has no DNS name, URI or common name that names one host"
    }
  }
}

/// A host's certificate as the proxy passes it on (nginx's `$ssl_client_escaped_cert`). The proxy has verified it: its chain, its dates, its
/// purpose and the revocation list; here it is only read.
struct Certificate {
  /// SHA-256 of a certificate as the proxy sends it, percent-encoded. nginx encodes a certificate always in the same way; encoded in another, it
  /// has another fingerprint.
  ///
  /// For one of 1.5 kB in DER it takes 1.5 µs. One of the DER itself would take 7 µs, since that has to be decoded first.
  struct Fingerprint: Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(of escaped: Span<UInt8>) {
      words = withUnsafeTemporaryAllocation(byteCount: Int(CCRYPTO_SHA256_SIZE), alignment: 8) { digest in
        let failed = escaped.withUnsafeBytes {
          ccrypto_sha256($0.baseAddress, $0.count, digest.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
        precondition(failed == 0, "libcrypto has no SHA-256")
        func word(_ place: Int) -> UInt64 { digest.load(fromByteOffset: place * 8, as: UInt64.self) }
        return (word(0), word(1), word(2), word(3))
      }
    }

    static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    /// It is a hash already.
    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
  }

  /// The longest that is taken, in bytes as they are sent.
  static let mostBytes = 16_384

  /// Each is matched with each pattern, while nobody else is answered.
  static let mostNames = 128

  private var text = [UInt8](repeating: 0, count: mostBytes)
  /// Room for the certificate in DER, of which the first `count` bytes are one.
  private var der = [UInt8](repeating: 0, count: mostBytes)
  private var count = 0

  init() {}

  mutating func decode(_ escaped: Span<UInt8>) throws(CertificateProblem) {
    count = 0
    guard let length = unescape(escaped) else { throw .notOneCertificate }
    let size = text.withUnsafeBufferPointer { text in
      der.withUnsafeMutableBufferPointer { ccrypto_certificate_der(text.baseAddress!, length, $0.baseAddress!) }
    }
    guard size > 0 else { throw .notOneCertificate }
    count = size
  }

  /// The names in the certificate that was decoded last: some 100 µs, most of them for its key, which libcrypto reads, too.
  func names() throws(CertificateProblem) -> CertificateNames {
    try der.withUnsafeBufferPointer { (der) throws(CertificateProblem) in
      try Self.names(in: UnsafeBufferPointer(rebasing: der.prefix(count)))
    }
  }

  /// The names in a certificate in DER.
  static func names(in der: UnsafeBufferPointer<UInt8>) throws(CertificateProblem) -> CertificateNames {
    var found = FoundNames()
    let failed = withUnsafeMutablePointer(to: &found) { found in
      ccrypto_certificate_names(
        der.baseAddress!, der.count,
        { context, kind, bytes, count in
          context!.assumingMemoryBound(to: FoundNames.self).pointee.add(
            kind, UnsafeBufferPointer(start: bytes, count: count))
        }, found)
    }
    guard failed == 0 else { throw .unreadable }
    let all = found.dns.count + found.uris.count + found.common.count
    guard all <= Self.mostNames else { throw .tooManyNames(all) }
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
