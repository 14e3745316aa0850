internal import Core
package import Secrets

/// HMAC-SHA1 ("Include a V1 signature" in the vendor's documentation of OSS; measured against oss2 2.19.1).
///
///     string to sign                      Authorization
///     method                              OSS ID:base64(HMAC-SHA1(secret, …))
///     Content-MD5, Content-Type, Date
///     x-oss-…:value, a line each    ──▶
///     /bucket/key?sub-resources,
///     none of it encoded
package enum OSSSignatureV1 {
  /// The parameters of an upload's requests that a signature covers; others, such as `max-parts`, it doesn't (read in oss2 2.19.1,
  /// `_subresource_key_set`).
  static let subResources = ["partNumber", "uploadId", "uploads"]

  /// Joins the parts; a secret because it holds the security token.
  package static func stringToSign(
    _ request: OSSSignature.Request, date: String, securityToken: Secret?
  ) -> Secret {
    var text = SecretBuffer(capacity: 2048)
    for line in [request.method, request.header("content-md5") ?? "", request.header("content-type") ?? "", date] {
      text.append(line)
      text.append("\n")
    }
    request.appendCanonicalHeaders(besides: [], adding: [], securityToken: securityToken, to: &text)
    for part in ["/", request.bucket, "/", request.key] { text.append(part) }
    let signed = request.query.filter { subResources.contains($0.name) }.sorted { $0.name < $1.name }
    for (place, parameter) in signed.enumerated() {
      text.append(place == 0 ? "?" : "&")
      text.append(parameter.name)
      guard !parameter.value.isEmpty else { continue }
      text.append("=")
      text.append(parameter.value)
    }
    return text.finish()
  }
}

extension OSSSigner {
  func signV1(_ request: OSSSignature.Request, at date: UTCTime) -> OSSSignature.Signed {
    let text = OSSSignatureV1.stringToSign(request, date: date.httpDate, securityToken: securityToken)
    let signature = text.withBytes { Digest.hmacSHA1($0, key: secret) }
    return signed(
      request, adding: [("Date", date.httpDate)], authorization: String(joining: "OSS ", keyID, ":", signature))
  }
}
