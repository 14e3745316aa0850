/// An AWS signature of version 4, as a request of an S3 client contains it ("Authenticating Requests (AWS Signature Version 4)" in
/// the API reference of Amazon S3), in the header or the URL. OSS takes them, since it is compatible with S3 ("Use AWS SDKs to
/// access OSS").
struct AWS4Claim: Sendable {
  static let algorithm = "AWS4-HMAC-SHA256"
  private static let unsignedPayload = "UNSIGNED-PAYLOAD"

  let keyID: String
  /// Date, region, service and `aws4_request`.
  let scope: [String]
  /// In lower case, as listed.
  let signedHeaders: [String]
  let signature: String
  /// `YYYYMMDDThhmmssZ`.
  let date: String
  /// The lifetime of a URL; nil for a header.
  let expiresSeconds: Int64?

  /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, with or without blanks after the commas.
  init?(header text: String, of call: OSSCall) {
    guard text.hasPrefix(Self.algorithm + " ") else { return nil }
    var values: [String: String] = [:]
    for part in text.utf8.dropFirst(Self.algorithm.utf8.count + 1).split(separator: UInt8(ascii: ",")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        .map { trimmed(String(Substring($0))) }
      guard halves.count == 2, values.updateValue(halves[1], forKey: halves[0]) == nil else { return nil }
    }
    self.init(
      credential: values["Credential"], headers: values["SignedHeaders"], signature: values["Signature"],
      date: call.request.header("x-amz-date") ?? "", expiresSeconds: nil)
  }

  init?(query: Parameters) {
    guard query["X-Amz-Algorithm"] == Self.algorithm, let expires = query["X-Amz-Expires"].flatMap({ Int64($0) }) else {
      return nil
    }
    self.init(
      credential: query["X-Amz-Credential"], headers: query["X-Amz-SignedHeaders"],
      signature: query["X-Amz-Signature"], date: query["X-Amz-Date"] ?? "", expiresSeconds: expires)
  }

  private init?(credential: String?, headers: String?, signature: String?, date: String, expiresSeconds: Int64?) {
    let parts = (credential ?? "").utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 5, !parts[0].isEmpty, let headers, let signature else { return nil }
    keyID = parts[0]
    scope = Array(parts.dropFirst())
    signedHeaders = headers.split(separator: ";").map(String.init)
    self.signature = signature
    self.date = date
    self.expiresSeconds = expiresSeconds
  }

  /// Checks that the time of signing agrees with the scope and is near enough to `now`.
  func checkTime(at now: WallTime) throws(OSSRefusal) {
    guard let time = WallTime.fromCompact(date) else { throw .noDate }
    guard scope[0].utf8.elementsEqual(date.utf8.prefix(8)) else { throw .scope }
    guard let expiresSeconds else {
      guard abs(time.seconds - now.seconds) <= OSSGateway.skewSeconds else { throw .timeSkewed }
      return
    }
    guard (1...OSS4Claim.mostExpires).contains(expiresSeconds) else { throw .expires }
    guard now.seconds <= time.seconds + expiresSeconds else { throw .requestExpired }
    guard time.seconds - now.seconds <= OSSGateway.skewSeconds else { throw .timeSkewed }
  }

  /// Which region OSS wants in the scope is (?): the tools send what they are configured with, so any is taken.
  func verify(_ call: OSSCall, by grant: UploadGrant) throws(OSSRefusal) {
    guard scope[2] == "s3", scope[3] == "aws4_request" else { throw .scope }
    let canonical = try canonicalRequest(of: call)
    let hash = TextCoding.hex(Digests.sha256(Array(canonical.utf8)))
    let stringToSign = [Self.algorithm, date, scope.joined(separator: "/"), hash].joined(separator: "\n")
    var key = Array("AWS4\(grant.secret)".utf8)
    for part in scope { key = Digests.hmacSHA256(key: key, Array(part.utf8)) }
    let expected = TextCoding.hex(Digests.hmacSHA256(key: key, Array(stringToSign.utf8)))
    guard Digests.areEqual(Array(signature.utf8), Array(expected.utf8)) else {
      throw .signatureMismatch.with("OSSAccessKeyId", keyID).with("SignatureProvided", signature)
        .with("StringToSign", stringToSign).with("CanonicalRequest", canonical)
    }
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
    expiresSeconds == nil ? call.request.header("x-amz-content-sha256") ?? "" : Self.unsignedPayload
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
      Self.canonicalQuery(of: call.parameters),
      signedHeaders.map { "\($0):\(Self.folded(request.header($0) ?? ""))\n" }.joined(),
      signedHeaders.joined(separator: ";"),
      payload(of: call),
    ].joined(separator: "\n")
  }

  /// Sorted `name=value`, encoded.
  private static func canonicalQuery(of parameters: Parameters) -> String {
    parameters.pairs.filter { $0.name != "X-Amz-Signature" }
      .map { (name: TextCoding.percentEncoded($0.name), value: TextCoding.percentEncoded($0.value)) }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
      .map { "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }

  /// With each run of blanks as one.
  private static func folded(_ value: String) -> String {
    value.utf8.contains(UInt8(ascii: " ")) ? value.split(separator: " ").joined(separator: " ") : value
  }
}
