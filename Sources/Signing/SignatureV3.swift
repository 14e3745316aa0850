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

  /// The parts of a request that a signature covers.
  package struct Request {
    package var method: String
    /// The path as it is sent, already percent-encoded.
    package var path: String
    /// Names and values, not encoded; in any order.
    package var query: [(name: String, value: String)]
    /// All headers to be signed except the security token, with `x-acs-date` and `x-acs-content-sha256` among them; in any order,
    /// names in any case, each once.
    package var headers: [(name: String, value: String)]
    /// Signed as the header `x-acs-security-token`; nil when the key is a long-lived one.
    package var securityToken: Secret?
    /// SHA-256 of the body, in hex.
    package var payloadHash: String

    /// `headers` are the caller's; the date and the hash of `body` are added to them.
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
      insert("x-acs-content-sha256", payloadHash)
      insert("x-acs-date", date.description)
    }

    /// Inserts a header at its sorted place, if the others are sorted, which saves sorting them.
    private mutating func insert(_ name: String, _ value: String) {
      var place = headers.count
      while place > 0, name < headers[place - 1].name { place -= 1 }
      headers.insert((name, value), at: place)
    }
  }

  /// The signed request's parts as they are sent.
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
    let canonical = canonicalRequest(request, query: query, headers: headers, names: names)
    var text = canonical.withBytes { stringToSign($0) }
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
      request, query: canonicalQuery(request.query), headers: headers, names: names(of: headers)
    ).finish()
  }

  private static func canonicalRequest(
    _ request: Request, query: String, headers: [CanonicalHeader], names: String
  ) -> SecretBuffer {
    var text = SecretBuffer(capacity: 1024 + query.utf8.count)
    text.append(request.method)
    text.append("\n")
    text.append(request.path.isEmpty ? "/" : request.path)
    text.append("\n")
    text.append(query)
    text.append("\n")
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
    return text
  }

  package static func stringToSign(_ canonicalRequest: Secret) -> String {
    canonicalRequest.withBytes { stringToSign($0) }
  }

  static func stringToSign(_ canonicalRequest: String) -> String {
    var text = canonicalRequest
    return text.withUTF8 { stringToSign($0.span) }
  }

  private static func stringToSign(_ canonicalRequest: Span<UInt8>) -> String {
    String(joining: algorithm, "\n", Digest.sha256(canonicalRequest))
  }

  /// Names and values percent-encoded, sorted by name in byte order, empty values with their `=`.
  ///
  /// It is also used as the query that is sent, where `%20` and `+` mean the same.
  package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
    let count = query.reduce(0) { $0 + 3 * ($1.name.utf8.count + $1.value.utf8.count) + 2 }
    let sorted = isInOrder(query) ? query : query.sorted { isBefore($0.name, $1.name) }
    return String(unsafeUninitializedCapacity: count) { room in
      var end = 0
      for parameter in sorted {
        if end > 0 { append(UInt8(ascii: "&"), to: room, &end) }
        append(parameter.name, to: room, &end)
        append(UInt8(ascii: "="), to: room, &end)
        append(parameter.value, to: room, &end)
      }
      return end
    }
  }

  private static func isInOrder(_ query: [(name: String, value: String)]) -> Bool {
    query.indices.dropFirst().allSatisfy { !isBefore(query[$0].name, query[$0 - 1].name) }
  }

  /// Compares by bytes.
  private static func isBefore(_ name: String, _ other: String) -> Bool {
    name.utf8.lexicographicallyPrecedes(other.utf8)
  }

  private static func append(_ byte: UInt8, to room: UnsafeMutableBufferPointer<UInt8>, _ end: inout Int) {
    room[end] = byte
    end += 1
  }

  /// Appends the UTF-8 percent-encoded: all bytes but `A-Z a-z 0-9 - _ . ~` as `%XX`, in upper case.
  private static func append(_ text: String, to room: UnsafeMutableBufferPointer<UInt8>, _ end: inout Int) {
    for byte in text.utf8 {
      if byte.isUnreserved {
        append(byte, to: room, &end)
      } else {
        append(UInt8(ascii: "%"), to: room, &end)
        append([UInt8].hexDigit(byte >> 4), to: room, &end)
        append([UInt8].hexDigit(byte & 0xF), to: room, &end)
      }
    }
  }

  /// The name is in lower case; the value is nil for the security token.
  package typealias CanonicalHeader = (name: String, value: String?)

  /// Sorted by name.
  static func canonicalHeaders(_ request: Request) -> [CanonicalHeader] {
    var headers: [CanonicalHeader] = []
    headers.reserveCapacity(request.headers.count + 1)
    var isInOrder = request.securityToken == nil
    for header in request.headers {
      let name = header.name.inLowerCase
      if let last = headers.last, name < last.name { isInOrder = false }
      headers.append((name, header.value.trimmed))
    }
    if request.securityToken != nil { headers.append(("x-acs-security-token", nil)) }
    return isInOrder ? headers : headers.sorted { $0.name < $1.name }
  }

  static func names(of headers: [CanonicalHeader]) -> String {
    String(joining: headers.map(\.name), by: UInt8(ascii: ";"))
  }
}
