package import Core
package import Secrets
internal import Signing

/// What a signature needs beyond the operation and the key: each attempt brings a date and a nonce of its own.
package struct RequestContext {
  /// The endpoint as it appears in the `host` header, with its port unless that is 443.
  package let host: String
  /// `rolekeeper/VERSION`.
  package let userAgent: String
  /// The server's time as far as we know it; STS takes 15 minutes of difference.
  package let date: UTCTime
  /// From `Nonce.make`.
  package let nonce: String

  package init(host: String, userAgent: String, date: UTCTime, nonce: String) {
    self.host = host
    self.userAgent = userAgent
    self.date = date
    self.nonce = nonce
  }
}

/// The version of a product's API, in the header `x-acs-version`.
enum APIVersion {
  static let sts = "2015-04-01"
  static let vod = "2017-03-21"
}

/// A request ready to be posted, in the shape of the vendor's own SDKs: parameters in the query, no body.
///
/// The signature covers these very headers: none may be changed, and `Content-Type` must stay away.
package struct SignedRequest: CustomStringConvertible, CustomReflectable {
  package let method: String
  package let host: String
  /// Path and query as they go into the request line.
  package let target: String
  /// `name: value` without the end of line, `host` among them, in the order of their names, `Authorization` last.
  package let headerLines: [String]
  /// To be sent as `x-acs-security-token`; nil when the key is a long-lived one.
  package let securityToken: Secret?

  init(
    action: String, version: String, query: [(name: String, value: String)], identity: SigningIdentity,
    context: RequestContext
  ) {
    var headers: [(name: String, value: String)] = [
      ("accept", "application/json"), ("host", context.host), ("user-agent", context.userAgent),
      ("x-acs-action", action), ("x-acs-credentials-provider", identity.provider),
      ("x-acs-signature-nonce", context.nonce), ("x-acs-version", version),
    ]
    if identity.securityToken != nil { headers.append(("x-acs-accesskey-id", identity.key.id)) }
    let request = SignatureV3.Request(
      query: query, headers: headers, date: context.date, securityToken: identity.securityToken)
    let signed = SignatureV3.sign(request, keyID: identity.key.id, secret: identity.key.secret)

    method = request.method
    host = context.host
    target = signed.query.isEmpty ? request.path : String(joining: request.path, "?", signed.query)
    var lines: [String] = []
    lines.reserveCapacity(signed.headers.count + 1)
    for header in signed.headers {
      if let value = header.value { lines.append(String(joining: header.name, ": ", value)) }
    }
    lines.append(String(joining: "Authorization: ", signed.authorization))
    headerLines = lines
    securityToken = identity.securityToken
  }

  /// Where it goes; the signature isn't for logs.
  package var description: String { "\(method) https://\(host)" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// The string that makes a request unique; STS refuses one that it has seen (SignatureNonceUsed).
package enum Nonce {
  /// 32 hex digits.
  package static func make(using generator: inout some RandomNumberGenerator) -> String {
    let words: [UInt64] = [generator.next(), generator.next()]
    return String(unsafeUninitializedCapacity: 32) { text in
      for place in 0..<32 {
        let digit = UInt8(truncatingIfNeeded: words[place / 16] >> UInt64(60 - place % 16 * 4)) & 0xF
        text[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      }
      return 32
    }
  }
}
