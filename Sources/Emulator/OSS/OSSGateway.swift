/// Verifies that a request to OSS was signed with a grant that is valid for it, or by a caller whose policies allow it.
///
/// The vendor doesn't document the order of these checks.
struct OSSGateway: Sendable {
  /// How far a request's time may differ from ours, in seconds.
  static let skewSeconds: Int64 = 15 * 60

  let store: ObjectStore
  let settings: OSSSettings
  /// Nil if only grants are taken.
  var signers: OSSSigners?

  /// `signature` is the one that the call claims; nil if there is none.
  func authenticate(
    _ call: OSSCall, signedBy signature: OSSSignature?, at now: WallTime
  ) throws(OSSRefusal) -> UploadGrant {
    guard let signature else { throw .anonymous }
    if case .v1 = signature, !settings.allowsV1 { throw .v1Closed }
    let (grant, caller) = try credential(of: call, keyID: signature.keyID, at: now)
    switch signature {
    case .v4(let signature): try signature.claim.checkTime(at: now)
    case .v1(let claim): try claim.checkTime(at: now)
    case .aws4(let signature): try signature.claim.checkTime(at: now)
    }
    try checkExpiry(of: grant, at: now)
    switch signature {
    case .v4(let claim): try claim.verify(call, by: grant)
    case .v1(let claim): try claim.verify(call, by: grant)
    case .aws4(let claim): try claim.verify(call, by: grant)
    }
    if let caller, let signers {
      guard signers.allows(caller, call, context: call.request.policyContext(at: now)) else { throw .noRight }
      return grant
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

  /// The caller is nil for a grant.
  private func credential(
    of call: OSSCall, keyID: String, at now: WallTime
  ) throws(OSSRefusal) -> (UploadGrant, caller: Caller?) {
    let tokens = [
      call.request.header("x-oss-security-token"), call.parameters["security-token"],
      call.parameters["x-oss-security-token"], call.request.header("x-amz-security-token"),
      call.parameters["X-Amz-Security-Token"],
      // alibabacloud-oss-v2 1.4.1 sends it like this with V1, unsigned; whether the service accepts that is (?).
      call.request.header("security-token"),
    ].compactMap(\.self)
    guard tokens.count <= 1 else { throw .twoTokens }
    if let grant = store.grant(ofToken: tokens.first ?? "", keyID: keyID) { return (grant, nil) }
    if let signers,
      let signer = try signers.signer(keyID: keyID, token: tokens.first, of: call, region: store.region, at: now)
    {
      return (signer.credential, signer.caller)
    }
    // Without its token a temporary key is as unknown as any other.
    throw tokens.isEmpty ? .unknownKey.with("OSSAccessKeyId", keyID) : .invalidToken
  }
}
