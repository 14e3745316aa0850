/// `ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…`; blanks after the commas are allowed.
struct ACS3Authorization: Sendable {
  static let algorithm = "ACS3-HMAC-SHA256"

  let keyID: String
  let signedHeaders: [String]
  let signature: String

  init?(_ text: String) {
    guard text.hasPrefix(Self.algorithm + " ") else { return nil }
    var values: [String: String] = [:]
    for part in text.utf8.dropFirst(Self.algorithm.utf8.count + 1).split(separator: UInt8(ascii: ",")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        .map { String(Substring($0)) }
      guard halves.count == 2, values.updateValue(halves[1], forKey: trimmed(halves[0])) == nil else { return nil }
    }
    guard values.count == 3, let keyID = values["Credential"], let names = values["SignedHeaders"],
      let signature = values["Signature"], !keyID.isEmpty, !signature.isEmpty
    else { return nil }
    self.keyID = keyID
    signedHeaders = names.utf8.split(separator: UInt8(ascii: ";")).map { String(Substring($0)) }
    self.signature = signature
  }
}

/// Verifies ACS3-HMAC-SHA256 signatures ("Request syntax and signature method V3").
enum SignatureV3 {
  static func verify(_ call: Call, of request: Request, secret: String) throws(Refusal) {
    guard let authorization = call.authorization, request.headerCount("authorization") == 1 else {
      throw .incompleteSignature()
    }
    let bodyHash = TextCoding.hex(Digests.sha256(request.body))
    let canonicalRequest = [
      request.method,
      request.path.isEmpty ? "/" : String(request.path),
      call.query.canonicalQuery(),
      authorization.signedHeaders.map { "\($0):\(request.header($0) ?? "")\n" }.joined(),
      authorization.signedHeaders.joined(separator: ";"),
      bodyHash,
    ].joined(separator: "\n")
    let stringToSign =
      "\(ACS3Authorization.algorithm)\n" + TextCoding.hex(Digests.sha256(Array(canonicalRequest.utf8)))
    guard signsEnough(authorization.signedHeaders, of: request) else {
      throw .incompleteSignature(stringToSign: stringToSign)
    }
    let expected = TextCoding.hex(Digests.hmacSHA256(key: Array(secret.utf8), Array(stringToSign.utf8)))
    guard Digests.areEqual(Array(authorization.signature.utf8), Array(expected.utf8)),
      request.header("x-acs-content-sha256") == bodyHash
    else { throw .signatureMismatch(stringToSign: stringToSign) }
  }

  /// A client may choose which further headers it signs, but host, the type of a body and every `x-acs-` header must be signed.
  ///
  /// A signed header that is missing, or occurs twice, would make it ambiguous what was signed.
  private static func signsEnough(_ signed: [String], of request: Request) -> Bool {
    let needed = request.headers.map { $0.name.lowercased() }.filter {
      $0.hasPrefix("x-acs-") || $0 == "content-type" && !request.body.isEmpty
    }
    return (needed + ["host", "x-acs-content-sha256"]).allSatisfy { name in
      signed.contains { $0.utf8.elementsEqual(name.utf8) }
    }
      && zip(signed, signed.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      && signed.allSatisfy { request.headerCount($0) == 1 }
  }
}
