/// A V1 signature as a request contains it ("Include a V1 signature", header and URL).
struct OSS1Claim: Sendable {
  /// The parameters of the operations here that are signed as part of the resource; from "Include signature V1 in the Authorization
  /// header" and oss2 2.19.1.
  private static let signedParameters: Set<String> = [
    "uploads", "uploadId", "partNumber", "security-token", "objectMeta",
  ]

  let keyID: String
  let signature: String
  /// The text in place of the date: that of a header, or when a URL expires, in seconds since 1970.
  let date: String
  let isURL: Bool

  /// Reads `OSS KEY:SIGNATURE`.
  init?(header text: String, of call: OSSCall) {
    guard text.hasPrefix("OSS ") else { return nil }
    let halves = text.dropFirst(4).split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard halves.count == 2, !halves[0].isEmpty else { return nil }
    keyID = halves[0]
    signature = halves[1]
    date = call.request.header("x-oss-date") ?? call.request.header("date") ?? ""
    isURL = false
  }

  init?(query: Parameters) {
    guard let keyID = query["OSSAccessKeyId"], let signature = query["Signature"], let expires = query["Expires"] else {
      return nil
    }
    self.keyID = keyID
    self.signature = signature
    date = expires
    isURL = true
  }

  func checkTime(at now: WallTime) throws(OSSRefusal) {
    if isURL {
      guard let end = Int64(date) else { throw .noDate }
      guard now.seconds <= end else { throw .requestExpired }
    } else {
      guard let time = WallTime.fromHTTPDate(date) else { throw .noDate }
      guard abs(time.seconds - now.seconds) <= OSSGateway.skewSeconds else { throw .timeSkewed }
    }
  }

  func verify(_ call: OSSCall, by grant: UploadGrant) throws(OSSRefusal) {
    let stringToSign = try stringToSign(of: call)
    let expected = TextCoding.base64(
      Digests.hmacSHA1(key: Array(grant.secret.utf8), Array(stringToSign.utf8)))
    guard Digests.areEqual(Array(signature.utf8), Array(expected.utf8)) else {
      throw .signatureMismatch.with("OSSAccessKeyId", keyID).with("SignatureProvided", signature)
        .with("StringToSign", stringToSign)
    }
  }

  private func stringToSign(of call: OSSCall) throws(OSSRefusal) -> String {
    let request = call.request
    let names = Set(request.headers.map { $0.name.lowercased() }.filter { $0.hasPrefix("x-oss-") })
    guard names.allSatisfy({ request.headerCount($0) == 1 }) else { throw .additionalHeaders }
    let headers = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      .map { "\($0):\(request.header($0) ?? "")\n" }.joined()
    // Names and values, not encoded; a parameter with an empty value is only its name.
    let parameters = call.parameters.pairs.filter { Self.signedParameters.contains($0.name) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      .map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }
    return [
      request.method, request.header("content-md5") ?? "", request.header("content-type") ?? "", date,
      headers + call.resource + (parameters.isEmpty ? "" : "?\(parameters.joined(separator: "&"))"),
    ].joined(separator: "\n")
  }
}
