/// A V4 signature as a request contains it ("Include signatures in the Authorization header" and "Add signatures to URLs").
struct OSS4Claim: Sendable {
  static let algorithm = "OSS4-HMAC-SHA256"
  private static let prefix = "aliyun_v4"

  let claim: V4Claim
  /// Signed headers beyond the mandatory ones, in lower case and sorted.
  let additionalHeaders: [String]

  /// Parses `OSS4-HMAC-SHA256 Credential=…, AdditionalHeaders=…, Signature=…` in any order and with any blanks after the commas:
  /// oss2 2.19.1 and alibabacloud-oss-v2 1.4.1 differ in both.
  init?(header text: String, of call: OSSCall) {
    guard let values = V4Claim.fields(of: text, algorithm: Self.algorithm) else { return nil }
    self.init(
      V4Claim(
        credential: values["Credential"], signature: values["Signature"], date: call.request.header("x-oss-date"),
        expiresSeconds: nil), headers: values["AdditionalHeaders"])
  }

  init?(query: Parameters) {
    guard query["x-oss-signature-version"] == Self.algorithm,
      let expires = query["x-oss-expires"].flatMap({ Int64($0) })
    else { return nil }
    self.init(
      V4Claim(
        credential: query["x-oss-credential"], signature: query["x-oss-signature"], date: query["x-oss-date"],
        expiresSeconds: expires), headers: query["x-oss-additional-headers"])
  }

  private init?(_ claim: V4Claim?, headers: String?) {
    guard let claim else { return nil }
    self.claim = claim
    additionalHeaders = (headers ?? "").split(separator: ";").map { $0.lowercased() }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func verify(_ call: OSSCall, by grant: UploadGrant) throws(OSSRefusal) {
    guard claim.scope[2] == "oss", claim.scope[3] == "aliyun_v4_request" else { throw .scope }
    guard claim.scope[1] == grant.region else { throw .signingRegion }
    let canonical = try canonicalRequest(of: call)
    try claim.verify(canonical, algorithm: Self.algorithm, prefix: Self.prefix, secret: grant.secret)
  }

  private func canonicalRequest(of call: OSSCall) throws(OSSRefusal) -> String {
    let request = call.request
    let payload = claim.expiresSeconds == nil ? request.header("x-oss-content-sha256") : "UNSIGNED-PAYLOAD"
    guard payload == "UNSIGNED-PAYLOAD" else { throw .payload }
    let always = request.headers.map { $0.name.lowercased() }
      .filter { $0 == "content-type" || $0 == "content-md5" || $0.hasPrefix("x-oss-") }
    let signed = Set(always + additionalHeaders).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    // A header that is missing, or occurs twice, would make it ambiguous what was signed.
    guard signed.allSatisfy({ request.headerCount($0) == 1 }) else { throw .additionalHeaders }
    return [
      request.method,
      TextCoding.percentEncoded(call.resource, keepingSlashes: true),
      Self.canonicalQuery(of: call.parameters),
      signed.map { "\($0):\(request.header($0) ?? "")\n" }.joined(),
      additionalHeaders.joined(separator: ";"),
      "UNSIGNED-PAYLOAD",
    ].joined(separator: "\n")
  }

  static func signature(of canonicalRequest: String, date: String, scope: [String], secret: String) -> String {
    V4Claim.signature(
      of: V4Claim.stringToSign(canonicalRequest, algorithm: algorithm, date: date, scope: scope), scope: scope,
      prefix: prefix, secret: secret)
  }

  /// Sorted `name=value`, encoded; a parameter with an empty value is only its name, however it was sent.
  static func canonicalQuery(of parameters: Parameters) -> String {
    V4Claim.sortedQuery(parameters, without: "x-oss-signature")
      .map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }
}
