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
  private static let hashOfNothing = Digest.sha256([UInt8]().span)

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
      payloadHash = body.isEmpty ? SignatureV3.hashOfNothing : Digest.sha256(body.span)
      self.headers = headers
      self.headers.append(("x-acs-content-sha256", payloadHash))
      self.headers.append(("x-acs-date", date.description))
    }
  }

  /// What is sent of a request.
  package struct Signed {
    package let query: String
    package let headers: [CanonicalHeader]
    /// The value of the `Authorization` header.
    package let authorization: String
  }

  package static func sign(_ request: Request, keyID: String, secret: Secret) -> Signed {
    let query = canonicalQuery(request.query)
    let headers = canonicalHeaders(request)
    let names = names(of: headers)
    var text = stringToSign(canonicalRequest(request, query: query, headers: headers, names: names))
    let signature = text.withUTF8 { Digest.hmacSHA256($0.span, key: secret) }
    return Signed(
      query: query, headers: headers,
      authorization: String(
        joining: algorithm, " Credential=", keyID, ",SignedHeaders=", names, ",Signature=", signature))
  }

  /// Joins the parts; a secret because it holds the security token.
  package static func canonicalRequest(_ request: Request) -> Secret {
    let headers = canonicalHeaders(request)
    return canonicalRequest(
      request, query: canonicalQuery(request.query), headers: headers, names: names(of: headers))
  }

  private static func canonicalRequest(
    _ request: Request, query: String, headers: [CanonicalHeader], names: String
  ) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    for line in [request.method, request.path.isEmpty ? "/" : request.path, query] {
      text.append(line)
      text.append("\n")
    }
    for header in headers {
      text.append(header.name)
      text.append(":")
      if let value = header.value { text.append(value) } else { request.securityToken.map { text.append($0) } }
      text.append("\n")
    }
    text.append("\n")
    text.append(names)
    text.append("\n")
    text.append(request.payloadHash)
    return text.finish()
  }

  package static func stringToSign(_ canonicalRequest: Secret) -> String {
    canonicalRequest.withBytes { String(joining: algorithm, "\n", Digest.sha256($0)) }
  }

  /// Names and values percent-encoded, sorted by name in byte order, empty values with their `=`.
  ///
  /// It serves as the query on the wire as well, where `%20` and `+` mean the same.
  package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(query.reduce(0) { $0 + $1.name.utf8.count + 3 * $1.value.utf8.count + 2 })
    for parameter in query.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      if !text.isEmpty { text.append(UInt8(ascii: "&")) }
      text.append(percentEncoded: parameter.name)
      text.append(UInt8(ascii: "="))
      text.append(percentEncoded: parameter.value)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The name is in lower case; the value is nil for the security token.
  package typealias CanonicalHeader = (name: String, value: String?)

  /// In the order of their names.
  private static func canonicalHeaders(_ request: Request) -> [CanonicalHeader] {
    var headers: [CanonicalHeader] = request.headers.map { ($0.name.inLowerCase, $0.value.trimmed) }
    if request.securityToken != nil { headers.append(("x-acs-security-token", nil)) }
    return headers.sorted { $0.name < $1.name }
  }

  private static func names(of headers: [CanonicalHeader]) -> String {
    String(joining: headers.map(\.name), by: UInt8(ascii: ";"))
  }
}
