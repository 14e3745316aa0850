/// Verifies that a request to OSS was signed with a grant that is valid for it.
///
/// The vendor doesn't document the order of these checks.
struct OSSGateway: Sendable {
  /// How far a request's time may differ from ours, in seconds.
  static let skewSeconds: Int64 = 15 * 60

  let store: ObjectStore
  let settings: OSSSettings

  /// `signature` is the one that the call claims; nil if there is none.
  func authenticate(
    _ call: OSSCall, signedBy signature: OSSSignature?, at now: WallTime
  ) throws(OSSRefusal) -> UploadGrant {
    guard let signature else { throw .anonymous }
    if case .v1 = signature, !settings.allowsV1 { throw .v1Closed }
    let grant = try grant(of: call, keyID: signature.keyID)
    switch signature {
    case .v4(let claim): try claim.checkTime(at: now)
    case .v1(let claim): try claim.checkTime(at: now)
    }
    try checkExpiry(of: grant, at: now)
    switch signature {
    case .v4(let claim): try claim.verify(call, by: grant)
    case .v1(let claim): try claim.verify(call, by: grant)
    }
    guard grant.object == call.object else { throw .noRight }
    switch call.operation {
    case .listParts where !settings.allowsListParts: throw .noRight
    case .abortMultipartUpload where !settings.allowsAbort: throw .noRight
    default: return grant
    }
  }

  /// Refuses a grant that has expired, or that a fault has ended.
  func checkExpiry(of grant: UploadGrant, at now: WallTime) throws(OSSRefusal) {
    guard let code = store.endedCode(of: grant.keyID) ?? (now >= grant.expires ? settings.expiredCode : nil) else {
      return
    }
    switch code {
    case .securityTokenExpired: throw .tokenExpired
    case .invalidAccessKeyId: throw .unknownKey.with("OSSAccessKeyId", grant.keyID)
    }
  }

  private func grant(of call: OSSCall, keyID: String) throws(OSSRefusal) -> UploadGrant {
    let tokens = [
      call.request.header("x-oss-security-token"), call.parameters["security-token"],
      call.parameters["x-oss-security-token"],
      // alibabacloud-oss-v2 1.4.1 sends it like this with V1, unsigned; whether the service accepts that is (?).
      call.request.header("security-token"),
    ].compactMap(\.self)
    guard tokens.count <= 1 else { throw .twoTokens }
    if let grant = store.grant(ofToken: tokens.first ?? "", keyID: keyID) { return grant }
    // Without its token a temporary key is as unknown as any other.
    throw tokens.isEmpty ? .unknownKey.with("OSSAccessKeyId", keyID) : .invalidToken
  }
}
