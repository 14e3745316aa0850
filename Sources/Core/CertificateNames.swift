/// The names of a host in its certificate.
///
/// A name counts only if it has one meaning: a DNS name of letters, digits, `-` and `_` in labels of 1 to 63 characters (RFC 1035,
/// 2.3.4), 253 at most; a URI of printable ASCII with a scheme and `//`, at most 2048 bytes (the longest SPIFFE ID: "SPIFFE-ID", 2.3). A
/// wildcard is a name of many hosts, so it is none here.
package struct CertificateNames: Hashable, Sendable {
  /// In the order of the certificate, in lower case: DNS names are compared without regard to case (RFC 4343).
  package let dns: [String]
  /// In the order of the certificate, as they are.
  package let uris: [String]
  /// The subject's common name in lower case, if it has exactly one with the form of a DNS name, and the certificate has no DNS name in
  /// subjectAltName, be it one that counts or not (RFC 6125, 6.4.4).
  package let commonName: String?

  package init(dns: [String], uris: [String] = [], commonNames: [String] = []) {
    self.dns = dns.map { $0.lowercased() }.filter(Self.isDNSName)
    self.uris = uris.filter(Self.isURI)
    let common = commonNames.count == 1 && dns.isEmpty ? commonNames[0].lowercased() : ""
    commonName = Self.isDNSName(common) ? common : nil
  }

  /// What the host is called in the log and by its sessions: its first DNS name, otherwise its common name, otherwise its first URI. Nil
  /// if it has no name that counts.
  package var name: String? { dns.first ?? commonName ?? uris.first }

  static func isDNSName(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count) else { return false }
    return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      (1...63).contains(label.count) && label.allSatisfy(\.isHostName)
    }
  }

  private static func isURI(_ text: String) -> Bool {
    guard text.utf8.count <= HostPattern.mostBytes, HostPattern.scheme(of: text) != nil else { return false }
    return text.utf8.allSatisfy { $0.isURIText && $0 != UInt8(ascii: "*") }
  }
}

extension UInt8 {
  /// Whether a label of a host's name may have it.
  var isHostName: Bool { isLetterOrDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: "_") }

  /// Whether a host's URI may have it. Quotes and backslashes aren't URI characters (RFC 3986, 2), and would have to be escaped in JSON.
  var isURIText: Bool { isVisible && self != UInt8(ascii: "\"") && self != UInt8(ascii: "\\") }
}
