internal import Core
package import Secrets

/// OSS4-HMAC-SHA256 ("Include a V4 signature" in the vendor's documentation of OSS; measured against oss2 2.19.1).
///
///     canonical request                string to sign            Authorization
///     method                           OSS4-HMAC-SHA256          OSS4-HMAC-SHA256
///     /bucket/key, percent-encoded     YYYYMMDDThhmmssZ          Credential=ID/SCOPE,
///     query, sorted              ──▶   SCOPE               ──▶   Signature=hex(HMAC-SHA256(key, …))
///     header:value, a line each        hex(SHA-256(…))
///     (an empty line)                                            key: HMAC-SHA256 from "aliyun_v4" + secret
///     additional headers: none                                   over the four parts of the scope
///     UNSIGNED-PAYLOAD                 SCOPE: YYYYMMDD/REGION/oss/aliyun_v4_request
package enum OSSSignatureV4 {
  static let algorithm = "OSS4-HMAC-SHA256"
  static let service = "oss"
  static let terminator = "aliyun_v4_request"
  static let payloadHash = "UNSIGNED-PAYLOAD"
  static let signedHeaders = ["content-type", "content-md5"]

  /// Joins the parts; a secret because it holds the security token.
  package static func canonicalRequest(
    _ request: OSSSignature.Request, stamp: String, securityToken: Secret?
  ) -> Secret {
    canonicalRequest(request, adding: ownHeaders(stamp), securityToken: securityToken)
  }

  static func ownHeaders(_ stamp: String) -> [(name: String, value: String)] {
    [("x-oss-content-sha256", payloadHash), ("x-oss-date", stamp)]
  }

  static func canonicalRequest(
    _ request: OSSSignature.Request, adding own: [(name: String, value: String)], securityToken: Secret?
  ) -> Secret {
    var text = SecretBuffer(capacity: 2048)
    text.append(request.method)
    text.append("\n/")
    text.append(String(percentEncoded: request.bucket))
    text.append("/")
    text.append(String(percentEncoded: request.key, keepingSlashes: true))
    text.append("\n")
    text.append(OSSSignature.query(request.query))
    text.append("\n")
    request.appendCanonicalHeaders(besides: signedHeaders, adding: own, securityToken: securityToken, to: &text)
    text.append("\n\n")
    text.append(payloadHash)
    return text.finish()
  }

  package static func stringToSign(_ canonicalRequest: Secret, stamp: String, scope: String) -> String {
    canonicalRequest.withBytes { String(joining: algorithm, "\n", stamp, "\n", scope, "\n", Digest.sha256($0)) }
  }

  package static func scope(day: String, region: String) -> String {
    String(joining: day, "/", region, "/", service, "/", terminator)
  }
}

extension OSSSigner {
  func signV4(_ request: OSSSignature.Request, at date: UTCTime, region: String) -> OSSSignature.Signed {
    let stamp = date.basicText
    let day = String(stamp.prefix(8))
    let scope = OSSSignatureV4.scope(day: day, region: region)
    let own = OSSSignatureV4.ownHeaders(stamp)
    let canonical = OSSSignatureV4.canonicalRequest(request, adding: own, securityToken: securityToken)
    let signature = signature(of: canonical, stamp: stamp, day: day, region: region)
    return signed(
      request, adding: own,
      authorization: String(
        joining: OSSSignatureV4.algorithm, " Credential=", keyID, "/", scope, ", Signature=", signature))
  }

  private func signature(of canonical: Secret, stamp: String, day: String, region: String) -> String {
    let scope = OSSSignatureV4.scope(day: day, region: region)
    var text = OSSSignatureV4.stringToSign(canonical, stamp: stamp, scope: scope)
    return text.withUTF8 { Digest.hmacSHA256($0.span, key: derivedKey(day: day, region: region)) }
  }
}
