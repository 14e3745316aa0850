/// An AWS signature of version 4, as a request of an S3 client contains it ("Authenticating Requests (AWS Signature Version 4)" in
/// the API reference of Amazon S3), in the header or the URL. OSS takes them, since it is compatible with S3 ("Use AWS SDKs to
/// access OSS").
struct AWS4Claim: Sendable {
  static let algorithm = "AWS4-HMAC-SHA256"
  private static let unsignedPayload = "UNSIGNED-PAYLOAD"

  let claim: V4Claim
  /// In lower case, as listed.
  let signedHeaders: [String]

  /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, with or without blanks after the commas.
  init?(header text: String, of call: OSSCall) {
    guard let values = V4Claim.fields(of: text, algorithm: Self.algorithm) else { return nil }
    self.init(
      V4Claim(
        credential: values["Credential"], signature: values["Signature"], date: call.request.header("x-amz-date"),
        expiresSeconds: nil), headers: values["SignedHeaders"])
  }

  init?(query: Parameters) {
    guard query["X-Amz-Algorithm"] == Self.algorithm, let expires = query["X-Amz-Expires"].flatMap({ Int64($0) }) else {
      return nil
    }
    self.init(
      V4Claim(
        credential: query["X-Amz-Credential"], signature: query["X-Amz-Signature"], date: query["X-Amz-Date"],
        expiresSeconds: expires), headers: query["X-Amz-SignedHeaders"])
  }

  private init?(_ claim: V4Claim?, headers: String?) {
    guard let claim, let headers else { return nil }
    self.claim = claim
    signedHeaders = headers.split(separator: ";").map(String.init)
  }

  /// Which region OSS wants in the scope is (?): the tools send what they are configured with, so any is taken.
  func verify(_ call: OSSCall, by grant: UploadGrant) throws(OSSRefusal) {
    guard claim.scope[2] == "s3", claim.scope[3] == "aws4_request" else { throw .scope }
    let canonical = try canonicalRequest(of: call)
    try claim.verify(canonical, algorithm: Self.algorithm, prefix: "AWS4", secret: grant.secret)
  }

  /// The SHA-256 that the body has to have, in hexadecimal digits; nil if it isn't signed.
  func payloadHash(of call: OSSCall) throws(OSSRefusal) -> String? {
    let hash = payload(of: call)
    if hash == Self.unsignedPayload { return nil }
    // OSS refuses bodies in signed or checked chunks ("Use AWS SDKs to access OSS").
    guard !hash.hasPrefix("STREAMING-"), call.request.header("content-encoding")?.contains("aws-chunked") != true else {
      throw .awsChunked
    }
    guard hash.utf8.count == 64 else { throw .payloadHash }
    return hash
  }

  private func payload(of call: OSSCall) -> String {
    claim.expiresSeconds == nil ? call.request.header("x-amz-content-sha256") ?? "" : Self.unsignedPayload
  }

  private func canonicalRequest(of call: OSSCall) throws(OSSRefusal) -> String {
    let request = call.request
    let needed = request.headers.map { $0.name.lowercased() }.filter { $0.hasPrefix("x-amz-") } + ["host"]
    // A header that is missing, or occurs twice, would make it ambiguous what was signed.
    guard signedHeaders.allSatisfy({ request.headerCount($0) == 1 }), needed.allSatisfy(signedHeaders.contains) else {
      throw .additionalHeaders
    }
    let path = TextCoding.percentDecoded(request.path.utf8) ?? ""
    return [
      request.method,
      TextCoding.percentEncoded(path.isEmpty ? "/" : path, keepingSlashes: true),
      V4Claim.sortedQuery(call.parameters, without: "X-Amz-Signature").map { "\($0.name)=\($0.value)" }
        .joined(separator: "&"),
      signedHeaders.map { "\($0):\(Self.folded(request.header($0) ?? ""))\n" }.joined(),
      signedHeaders.joined(separator: ";"),
      payload(of: call),
    ].joined(separator: "\n")
  }

  /// With each run of blanks as one.
  private static func folded(_ value: String) -> String {
    value.utf8.contains(UInt8(ascii: " ")) ? value.split(separator: " ").joined(separator: " ") : value
  }
}
