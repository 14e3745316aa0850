/// The signature that a request to OSS claims; nothing in it is verified yet.
enum OSSSignature: Sendable {
  /// `OSS4-HMAC-SHA256`, in the header or the query.
  case v4(OSS4Claim)
  /// HMAC-SHA1, in the header or the query.
  case v1(OSS1Claim)
  /// `AWS4-HMAC-SHA256` of S3 clients, in the header or the query.
  case aws4(AWS4Claim)

  /// Nil for a request without a signature.
  init?(_ call: OSSCall) throws(OSSRefusal) {
    let header = call.request.header("authorization")
    let isQueryV4 = call.parameters.contains("x-oss-signature-version") || call.parameters.contains("x-oss-signature")
    let isQueryV1 = call.parameters.contains("Signature") || call.parameters.contains("OSSAccessKeyId")
    let isQueryAWS4 = call.parameters.contains("X-Amz-Signature")
    guard [header != nil, isQueryV4, isQueryV1, isQueryAWS4].count(where: { $0 }) <= 1,
      call.request.headerCount("authorization") <= 1
    else { throw .twoSignatures }
    if let header {
      if let claim = OSS4Claim(header: header, of: call) {
        self = .v4(claim)
      } else if let claim = AWS4Claim(header: header, of: call) {
        self = .aws4(claim)
      } else if [OSS4Claim.algorithm, AWS4Claim.algorithm].contains(where: { header.hasPrefix("\($0) ") }) {
        throw .authorizationForm
      } else if let claim = OSS1Claim(header: header, of: call) {
        self = .v1(claim)
      } else {
        throw header.hasPrefix("OSS ") ? .authorizationForm : .authorizationType
      }
    } else if isQueryV4 {
      guard let claim = OSS4Claim(query: call.parameters) else { throw .authorizationForm }
      self = .v4(claim)
    } else if isQueryAWS4 {
      guard let claim = AWS4Claim(query: call.parameters) else { throw .authorizationForm }
      self = .aws4(claim)
    } else if isQueryV1 {
      guard let claim = OSS1Claim(query: call.parameters) else { throw .authorizationForm }
      self = .v1(claim)
    } else {
      return nil
    }
  }

  var keyID: String {
    switch self {
    case .v4(let signature): signature.claim.keyID
    case .v1(let claim): claim.keyID
    case .aws4(let signature): signature.claim.keyID
    }
  }
}
