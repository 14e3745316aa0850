/// A V4 signature as a request contains it ("Include signatures in the Authorization header" and "Add signatures to URLs").
struct OSS4Claim: Sendable {
  static let algorithm = "OSS4-HMAC-SHA256"
  /// The maximum lifetime of a signed URL, in seconds.
  static let mostExpires: Int64 = 604_800

  let keyID: String
  /// Date, region, service and `aliyun_v4_request`.
  let scope: [String]
  /// Signed headers beyond the mandatory ones, in lower case and sorted.
  let additionalHeaders: [String]
  let signature: String
  /// `x-oss-date`, unchanged.
  let date: String
  /// The lifetime of a URL; nil for a header.
  let expiresSeconds: Int64?

  /// Parses `OSS4-HMAC-SHA256 Credential=…, AdditionalHeaders=…, Signature=…` in any order and with any blanks after the commas:
  /// oss2 2.19.1 and alibabacloud-oss-v2 1.4.1 differ in both.
  init?(header text: String, of call: OSSCall) {
    guard text.hasPrefix(Self.algorithm + " ") else { return nil }
    var values: [String: String] = [:]
    for part in text.utf8.dropFirst(Self.algorithm.utf8.count + 1).split(separator: UInt8(ascii: ",")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        .map { trimmed(String(Substring($0))) }
      guard halves.count == 2, values.updateValue(halves[1], forKey: halves[0]) == nil else { return nil }
    }
    guard let credential = values["Credential"], let signature = values["Signature"] else { return nil }
    self.init(
      credential: credential, headers: values["AdditionalHeaders"] ?? "", signature: signature,
      date: call.request.header("x-oss-date") ?? "", expiresSeconds: nil)
  }

  init?(query: Parameters) {
    guard query["x-oss-signature-version"] == Self.algorithm, let credential = query["x-oss-credential"],
      let signature = query["x-oss-signature"], let expires = query["x-oss-expires"].flatMap({ Int64($0) })
    else { return nil }
    self.init(
      credential: credential, headers: query["x-oss-additional-headers"] ?? "", signature: signature,
      date: query["x-oss-date"] ?? "", expiresSeconds: expires)
  }

  private init?(credential: String, headers: String, signature: String, date: String, expiresSeconds: Int64?) {
    let parts = credential.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 5, !parts[0].isEmpty else { return nil }
    keyID = parts[0]
    scope = Array(parts.dropFirst())
    additionalHeaders = headers.split(separator: ";").map { $0.lowercased() }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    self.signature = signature
    self.date = date
    self.expiresSeconds = expiresSeconds
  }

  /// Checks that the time of signing agrees with the scope and is near enough to `now`.
  func checkTime(at now: WallTime) throws(OSSRefusal) {
    guard let time = WallTime.fromCompact(date) else { throw .noDate }
    guard scope[0].utf8.elementsEqual(date.utf8.prefix(8)) else { throw .scope }
    if let expiresSeconds {
      guard (1...Self.mostExpires).contains(expiresSeconds) else { throw .expires }
      guard now.seconds <= time.seconds + expiresSeconds else { throw .requestExpired }
      guard time.seconds - now.seconds <= OSSGateway.skewSeconds else { throw .timeSkewed }
    } else {
      guard abs(time.seconds - now.seconds) <= OSSGateway.skewSeconds else { throw .timeSkewed }
    }
  }

  func verify(_ call: OSSCall, by grant: UploadGrant) throws(OSSRefusal) {
    guard scope[2] == "oss", scope[3] == "aliyun_v4_request" else { throw .scope }
    guard scope[1] == grant.region else { throw .signingRegion }
    let canonical = try canonicalRequest(of: call)
    let stringToSign = Self.stringToSign(canonical, date: date, scope: scope)
    let expected = Self.signature(of: stringToSign, scope: scope, secret: grant.secret)
    guard Digests.areEqual(Array(signature.utf8), Array(expected.utf8)) else {
      throw .signatureMismatch.with("OSSAccessKeyId", keyID).with("SignatureProvided", signature)
        .with("StringToSign", stringToSign).with("CanonicalRequest", canonical)
    }
  }

  private func canonicalRequest(of call: OSSCall) throws(OSSRefusal) -> String {
    let request = call.request
    let payload = expiresSeconds == nil ? request.header("x-oss-content-sha256") : "UNSIGNED-PAYLOAD"
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

  static func stringToSign(_ canonicalRequest: String, date: String, scope: [String]) -> String {
    let hash = TextCoding.hex(Digests.sha256(Array(canonicalRequest.utf8)))
    return [algorithm, date, scope.joined(separator: "/"), hash].joined(separator: "\n")
  }

  static func signature(of stringToSign: String, scope: [String], secret: String) -> String {
    var key = Array("aliyun_v4\(secret)".utf8)
    for part in scope { key = Digests.hmacSHA256(key: key, Array(part.utf8)) }
    return TextCoding.hex(Digests.hmacSHA256(key: key, Array(stringToSign.utf8)))
  }

  /// Sorted `name=value`, encoded; a parameter with an empty value is only its name, however it was sent.
  static func canonicalQuery(of parameters: Parameters) -> String {
    parameters.pairs.filter { $0.name != "x-oss-signature" }
      .map { (name: TextCoding.percentEncoded($0.name), value: TextCoding.percentEncoded($0.value)) }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
      .map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }
}
