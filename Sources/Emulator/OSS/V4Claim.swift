/// What OSS's and AWS's signatures of version 4 have in common.
struct V4Claim: Sendable {
  /// The maximum lifetime of a signed URL, in seconds.
  static let mostExpires: Int64 = 604_800

  let keyID: String
  /// Date, region, service and the scheme's last word.
  let scope: [String]
  let signature: String
  /// The time of signing, unchanged: `YYYYMMDDThhmmssZ`.
  let date: String
  /// The lifetime of a URL; nil for a header.
  let expiresSeconds: Int64?

  /// `credential` is `ACCESSKEYID/DATE/REGION/SERVICE/WORD`. Nil if it isn't, or if something is missing.
  init?(credential: String?, signature: String?, date: String?, expiresSeconds: Int64?) {
    let parts = (credential ?? "").utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 5, !parts[0].isEmpty, let signature else { return nil }
    keyID = parts[0]
    scope = Array(parts.dropFirst())
    self.signature = signature
    self.date = date ?? ""
    self.expiresSeconds = expiresSeconds
  }

  /// The fields of `ALGORITHM NAME=…, NAME=…` by their names, in any order and with any blanks after the commas. Nil for another
  /// algorithm, a field without a value, and one that occurs twice.
  static func fields(of header: String, algorithm: String) -> [String: String]? {
    guard header.hasPrefix(algorithm + " ") else { return nil }
    var values: [String: String] = [:]
    for part in header.utf8.dropFirst(algorithm.utf8.count + 1).split(separator: UInt8(ascii: ",")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        .map { trimmed(String(Substring($0))) }
      guard halves.count == 2, values.updateValue(halves[1], forKey: halves[0]) == nil else { return nil }
    }
    return values
  }

  /// Checks that the time of signing agrees with the scope and is near enough to `now`.
  func checkTime(at now: WallTime) throws(OSSRefusal) {
    guard let time = WallTime.fromCompact(date) else { throw .noDate }
    guard scope[0].utf8.elementsEqual(date.utf8.prefix(8)) else { throw .scope }
    guard let expiresSeconds else {
      guard abs(time.seconds - now.seconds) <= OSSGateway.skewSeconds else { throw .timeSkewed }
      return
    }
    guard (1...Self.mostExpires).contains(expiresSeconds) else { throw .expires }
    guard now.seconds <= time.seconds + expiresSeconds else { throw .requestExpired }
    guard time.seconds - now.seconds <= OSSGateway.skewSeconds else { throw .timeSkewed }
  }

  /// Checks that the signature is of this canonical request. `prefix` stands before the secret in the first key.
  func verify(_ canonicalRequest: String, algorithm: String, prefix: String, secret: String) throws(OSSRefusal) {
    let stringToSign = Self.stringToSign(canonicalRequest, algorithm: algorithm, date: date, scope: scope)
    let expected = Self.signature(of: stringToSign, scope: scope, prefix: prefix, secret: secret)
    guard Digests.areEqual(Array(signature.utf8), Array(expected.utf8)) else {
      throw .signatureMismatch.with("OSSAccessKeyId", keyID).with("SignatureProvided", signature)
        .with("StringToSign", stringToSign).with("CanonicalRequest", canonicalRequest)
    }
  }

  static func stringToSign(_ canonicalRequest: String, algorithm: String, date: String, scope: [String]) -> String {
    let hash = TextCoding.hex(Digests.sha256(Array(canonicalRequest.utf8)))
    return [algorithm, date, scope.joined(separator: "/"), hash].joined(separator: "\n")
  }

  static func signature(of stringToSign: String, scope: [String], prefix: String, secret: String) -> String {
    var key = Array("\(prefix)\(secret)".utf8)
    for part in scope { key = Digests.hmacSHA256(key: key, Array(part.utf8)) }
    return TextCoding.hex(Digests.hmacSHA256(key: key, Array(stringToSign.utf8)))
  }

  /// Encoded and sorted, without the signature's own parameter.
  static func sortedQuery(_ parameters: Parameters, without name: String) -> [(name: String, value: String)] {
    parameters.pairs.filter { $0.name != name }
      .map { (name: TextCoding.percentEncoded($0.name), value: TextCoding.percentEncoded($0.value)) }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
  }
}
