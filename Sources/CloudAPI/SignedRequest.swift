package import Core
package import Secrets
internal import Signing

/// The variable input of a signature beside the operation and the key: each attempt has its own date and nonce.
package struct RequestContext {
  /// The endpoint as it appears in the `host` header, with its port unless that is 443.
  package let host: String
  /// `rolekeeper/VERSION`.
  package let userAgent: String
  /// The server's time as far as it is known; STS accepts a difference of 15 minutes.
  package let date: UTCTime
  /// From `Nonce.make`.
  package let nonce: String
  /// Kept by callers that make many requests of a kind.
  let forms: RequestForms

  package init(
    host: String, userAgent: String, date: UTCTime, nonce: String, forms: RequestForms = RequestForms()
  ) {
    self.host = host
    self.userAgent = userAgent
    self.date = date
    self.nonce = nonce
    self.forms = forms
  }
}

/// The version of a product's API, in the header `x-acs-version`.
enum APIVersion {
  static let sts = "2015-04-01"
  static let vod = "2017-03-21"
}

/// A request ready to be posted, in the shape of the vendor's own SDKs: parameters in the query, no body.
///
/// The signature covers exactly these headers: none may be changed, and `Content-Type` must be absent.
package struct SignedRequest: CustomStringConvertible, CustomReflectable {
  package let method: String
  package let host: String
  /// Path and query as in the request line.
  package let target: String
  /// `name: value` without the line end, `host` among them, in the order of their names, `Authorization` last.
  package let headerLines: TextLines
  /// To be sent as `x-acs-security-token`; nil when the key is a long-lived one.
  package let securityToken: Secret?

  init(
    action: String, version: String, query: [(name: String, value: String)], identity: SigningIdentity,
    context: RequestContext
  ) {
    let kind = RequestForms.Kind(
      action: action, version: version, host: context.host, userAgent: context.userAgent, provider: identity.provider,
      keyID: identity.key.id)
    let text = SignatureV3.canonicalQuery(query)
    host = context.host
    method = "POST"
    target = text.isEmpty ? "/" : String(joining: "/?", text)
    securityToken = identity.securityToken
    if identity.securityToken == nil {
      headerLines = context.forms.form(of: kind)
        .sign(query: text, date: context.date, nonce: context.nonce, secret: identity.key.secret)
    } else {
      headerLines = Self.lines(of: kind, query: query, identity: identity, context: context)
    }
  }

  /// The signed headers beside the date, the nonce and the hash of the body, which is empty.
  static func headers(of kind: RequestForms.Kind) -> [(name: String, value: String)] {
    [
      ("accept", "application/json"), ("host", kind.host), ("user-agent", kind.userAgent),
      ("x-acs-action", kind.action),
      ("x-acs-credentials-provider", kind.provider), ("x-acs-version", kind.version),
    ]
  }

  /// The header lines of a request with a security token.
  private static func lines(
    of kind: RequestForms.Kind, query: [(name: String, value: String)], identity: SigningIdentity,
    context: RequestContext
  ) -> TextLines {
    let headers =
      headers(of: kind) + [("x-acs-accesskey-id", kind.keyID), ("x-acs-signature-nonce", context.nonce)]
    let signed = SignatureV3.sign(
      SignatureV3.Request(query: query, headers: headers, date: context.date, securityToken: identity.securityToken),
      keyID: kind.keyID, secret: identity.key.secret)
    var lines = TextLines()
    for header in signed.headers {
      if let value = header.value { lines.append(header.name, ": ", value) }
    }
    lines.append("Authorization: ", signed.authorization)
    return lines
  }

  /// The request's destination; the signature isn't for logs.
  package var description: String { "\(method) https://\(host)" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// The string that makes a request unique; STS refuses one that it has seen before (SignatureNonceUsed).
package enum Nonce {
  /// 32 hex digits.
  package static func make(using generator: inout some RandomNumberGenerator) -> String {
    let words: [UInt64] = [generator.next(), generator.next()]
    return String(unsafeUninitializedCapacity: 32) { text in
      for place in 0..<32 {
        let digit = UInt8(truncatingIfNeeded: words[place / 16] >> UInt64(60 - place % 16 * 4)) & 0xF
        text[place] = UInt8(hexDigitOf: digit)
      }
      return 32
    }
  }
}
