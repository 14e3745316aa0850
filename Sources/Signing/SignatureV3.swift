package import Core
package import Secrets

/// Signature V3, ACS3-HMAC-SHA256 ("Request syntax and signature method V3" in the vendor's documentation).
///
///     canonical request                      string to sign          Authorization
///     method                                 ACS3-HMAC-SHA256        ACS3-HMAC-SHA256
///     path as sent                    ──▶    hex(SHA-256(…))   ──▶   Credential=ID,
///     query, sorted, percent-encoded                                 SignedHeaders=a;b;c,
///     header:value, sorted, a line each                              Signature=hex(HMAC-SHA256(secret, …))
///     (an empty line)
///     signed header names, joined by ;
///     hex(SHA-256(body))
package enum SignatureV3 {
  static let algorithm = "ACS3-HMAC-SHA256"

  /// Everything a signature covers.
  package struct Request {
    package var method: String
    /// The path as it is sent, already percent-encoded.
    package var path: String
    /// Names and values as they are meant, not encoded; in any order.
    package var query: [(name: String, value: String)]
    /// All headers to be signed but the security token, `x-acs-date` and `x-acs-content-sha256` among them; in any order, names in any
    /// case, each once.
    package var headers: [(name: String, value: String)]
    /// Signed as the header `x-acs-security-token`; nil when the key is a long-lived one.
    package var securityToken: Secret?
    /// SHA-256 of the body, in hex.
    package var payloadHash: String

    /// `headers` are those that the caller brings; the date and the hash of `body` are added to them.
    package init(
      method: String = "POST", path: String = "/", query: [(name: String, value: String)] = [],
      headers: [(name: String, value: String)], date: UTCTime, securityToken: Secret? = nil, body: [UInt8] = []
    ) {
      self.method = method
      self.path = path
      self.query = query
      self.securityToken = securityToken
      payloadHash = Digest.sha256(body.span)
      self.headers = headers + [("x-acs-content-sha256", payloadHash), ("x-acs-date", date.description)]
    }
  }

  /// Joins the parts; a secret because it holds the security token.
  package static func canonicalRequest(_ request: Request) -> Secret {
    canonicalRequest(request, query: canonicalQuery(request.query), headers: canonicalHeaders(request))
  }

  private static func canonicalRequest(_ request: Request, query: String, headers: [CanonicalHeader]) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    text.append("\(request.method)\n\(request.path.isEmpty ? "/" : request.path)\n\(query)\n")
    for header in headers {
      text.append("\(header.name):")
      if let value = header.value { text.append(value) } else { request.securityToken.map { text.append($0) } }
      text.append("\n")
    }
    text.append("\n\(names(of: headers))\n\(request.payloadHash)")
    return text.finish()
  }

  package static func stringToSign(_ canonicalRequest: Secret) -> String {
    canonicalRequest.withBytes { "\(algorithm)\n\(Digest.sha256($0))" }
  }

  /// The value of the `Authorization` header.
  package static func authorization(_ request: Request, keyID: String, secret: Secret) -> String {
    authorization(request, canonicalQuery: canonicalQuery(request.query), keyID: keyID, secret: secret)
  }

  /// The same for a caller that has made the canonical query already, to send it.
  package static func authorization(
    _ request: Request, canonicalQuery query: String, keyID: String, secret: Secret
  ) -> String {
    let headers = canonicalHeaders(request)
    let text = Array(stringToSign(canonicalRequest(request, query: query, headers: headers)).utf8)
    let signature = Digest.hmacSHA256(text.span, key: secret)
    return "\(algorithm) Credential=\(keyID),SignedHeaders=\(names(of: headers)),Signature=\(signature)"
  }

  /// Names and values percent-encoded, sorted by name in byte order, empty values with their `=`.
  ///
  /// It serves as the query on the wire as well, where `%20` and `+` mean the same.
  package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
    query.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      .map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }
      .joined(separator: "&")
  }

  /// All bytes of the UTF-8 but `A-Z a-z 0-9 - _ . ~` as `%XX`, in upper case.
  private static func percentEncoded(_ text: String) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count * 2)
    for byte in text.utf8 {
      if byte.isUnreserved {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(hexDigit(byte >> 4))
        encoded.append(hexDigit(byte & 0xF))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  /// The value is nil for the security token.
  private typealias CanonicalHeader = (name: String, value: String?)

  /// In the order of their names.
  private static func canonicalHeaders(_ request: Request) -> [CanonicalHeader] {
    var headers: [CanonicalHeader] = request.headers.map {
      ($0.name.lowercased(), trimmed($0.value))
    }
    if request.securityToken != nil { headers.append(("x-acs-security-token", nil)) }
    return headers.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  private static func names(of headers: [CanonicalHeader]) -> String {
    headers.map(\.name).joined(separator: ";")
  }

  /// By bytes, since taking a value apart by characters costs more than all the rest of a signature.
  private static func trimmed(_ value: String) -> String {
    let bytes = value.utf8
    guard bytes.first?.isSpaceOrTab == true || bytes.last?.isSpaceOrTab == true else { return value }
    guard let first = bytes.firstIndex(where: { !$0.isSpaceOrTab }),
      let last = bytes.lastIndex(where: { !$0.isSpaceOrTab })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }
}

extension UInt8 {
  /// RFC 3986, section 2.3.
  fileprivate var isUnreserved: Bool {
    switch self {
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): true
    default: isLetterOrDigit
    }
  }
}
