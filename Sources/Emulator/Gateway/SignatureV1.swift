/// Verifies HMAC-SHA1 signatures of RPC requests ("Request syntax and signature method V2 for RPC APIs").
enum SignatureV1 {
  static func verify(_ call: Call, of request: Request, secret: String) throws(Refusal) {
    let stringToSign =
      "\(request.method)&%2F&" + TextCoding.percentEncoded(call.parameters.canonicalQuery(without: "Signature"))
    guard call.parameters["SignatureMethod"] == "HMAC-SHA1", call.parameters["SignatureVersion"] == "1.0" else {
      throw .incompleteSignature(stringToSign: stringToSign)
    }
    // With two of them it would be ambiguous which one is meant.
    guard let signature = call.parameters["Signature"],
      call.parameters.pairs.count(where: { $0.name == "Signature" }) == 1
    else { throw .incompleteSignature(stringToSign: stringToSign) }
    let expected = TextCoding.base64(
      Digests.hmacSHA1(key: Array("\(secret)&".utf8), Array(stringToSign.utf8)))
    guard Digests.areEqual(Array(signature.utf8), Array(expected.utf8)) else {
      throw .signatureMismatch(stringToSign: stringToSign)
    }
  }
}
