internal import Core
package import Secrets

/// The parts of a request that the signatures of OSS cover, and the headers that they add to it.
package enum OSSSignature {
  /// The version of the signature. Accounts made since 1 March 2025 and buckets made since 1 September 2025 accept only V4
  /// ("Guidelines for upgrading V1 signatures to V4" in the vendor's documentation).
  package enum Version: Hashable, Sendable {
    case v1
    /// `region` as in `cn-shanghai`.
    case v4(region: String)
  }

  package struct Request {
    package var method: String
    package var bucket: String
    /// The object's key, not encoded.
    package var key: String
    /// Parameters, not encoded, in any order; `uploads`, which has no value, has an empty one.
    package var query: [(name: String, value: String)]
    /// Headers except date, token and signature; names in any case, each once. The signatures cover `Content-Type`, `Content-MD5`
    /// and all that begin with `x-oss-`; others are sent without being signed.
    package var headers: [(name: String, value: String)]

    package init(
      _ method: String, bucket: String, key: String, query: [(name: String, value: String)] = [],
      headers: [(name: String, value: String)] = []
    ) {
      self.method = method
      self.bucket = bucket
      self.key = key
      self.query = query
      self.headers = headers
    }

    func header(_ name: String) -> String? { headers.first { $0.name.inLowerCase == name }?.value.trimmed }
  }

  /// The signed request's parts as they are sent.
  package struct Signed {
    /// `name: value` without the line end: those of the request, then those that the signature adds, `Authorization` last.
    package let headerLines: [String]
    /// To be sent as `x-oss-security-token`; nil when the key is a long-lived one.
    package let securityToken: Secret?
  }

  /// The parameters as they are sent and as V4 signs them: names and values percent-encoded, in byte order, and a parameter with an
  /// empty value without its `=`. Empty if there are none.
  package static func query(_ parameters: [(name: String, value: String)]) -> String {
    let encoded = parameters.map { (name: String(percentEncoded: $0.name), value: $0.value) }
    var text: [UInt8] = []
    for parameter in encoded.sorted(by: { $0.name < $1.name }) {
      if !text.isEmpty { text.append(UInt8(ascii: "&")) }
      text.append(contentsOf: parameter.name.utf8)
      guard !parameter.value.isEmpty else { continue }
      text.append(UInt8(ascii: "="))
      text.append(percentEncoded: parameter.value)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The key as it is sent, with slashes as `%2F`: oss2 sends it so, and no part of a key can then be mistaken for a `..` step.
  package static func path(ofKey key: String) -> String { String(percentEncoded: key) }
}

extension OSSSignature.Request {
  /// Appends `name:value` and a line feed for each header that begins with `x-oss-` or is named, with names in lower case and in
  /// byte order; the security token is among them.
  func appendCanonicalHeaders(
    besides names: [String], adding own: [(name: String, value: String)], securityToken: Secret?,
    to text: inout SecretBuffer
  ) {
    var headers: [(name: String, value: String?)] = (self.headers + own).map { ($0.name.inLowerCase, $0.value.trimmed) }
    headers.removeAll { !$0.name.hasPrefix("x-oss-") && !names.contains($0.name) }
    if securityToken != nil { headers.append(("x-oss-security-token", nil)) }
    for header in headers.sorted(by: { $0.name < $1.name }) {
      text.append(header.name)
      text.append(":")
      if let value = header.value { text.append(value) } else { securityToken.map { text.append($0) } }
      text.append("\n")
    }
  }
}
