/// The signers of requests that aren't limited to one object: role sessions, and users by their AccessKeys.
struct OSSSigners: Sendable {
  let model: AccountModel
  let mint: TokenMint

  /// The caller with this key and token, with its credential for `object`; nil if there is none.
  func signer(
    keyID: String, token: String?, of call: OSSCall, region: String, at now: WallTime
  ) throws(OSSRefusal) -> (caller: Caller, credential: UploadGrant)? {
    let session: RoleSession?
    let secret: String
    if let token {
      guard let found = mint.session(of: token), found.keyID == keyID else { return nil }
      (session, secret) = (found, mint.secret(forKeyID: keyID))
    } else {
      guard let key = model.keys[keyID] else { return nil }
      guard key.isActive else { throw .unknownKey.with("OSSAccessKeyId", keyID) }
      (session, secret) = (nil, key.secret)
    }
    let owner = model.keys[keyID].map { key -> Caller in
      switch key.owner {
      case .root: .root(account: key.account)
      case .user(let name): .user(name, account: key.account)
      }
    }
    guard let caller = session.map(Caller.session) ?? owner else { return nil }
    return (
      caller,
      UploadGrant(
        keyID: keyID, secret: secret, token: token ?? "", object: call.object,
        expires: session?.expires ?? now.advanced(bySeconds: 3600), region: region)
    )
  }

  /// Whether the caller's policies allow the call ("RAM policies" in the vendor's OSS guide).
  func allows(_ caller: Caller, _ call: OSSCall, context: [String: String]) -> Bool {
    guard let operation = call.operation else { return false }
    let place = call.object.key.isEmpty ? call.object.bucket : "\(call.object.bucket)/\(call.object.key)"
    let question = AccessQuestion(
      action: operation.permission, resource: "acs:oss:*:\(caller.account):\(place)", context: context)
    return model.decision(for: caller, on: question) == .allowed
  }
}

extension OSSOperation {
  /// The action that a policy has to allow.
  fileprivate var permission: String {
    switch self {
    case .putObject, .initiateMultipartUpload, .uploadPart, .completeMultipartUpload: "oss:PutObject"
    case .getObject, .headObject: "oss:GetObject"
    case .deleteObject: "oss:DeleteObject"
    case .listParts: "oss:ListParts"
    case .abortMultipartUpload: "oss:AbortMultipartUpload"
    case .listObjects, .listObjectsV2: "oss:ListObjects"
    case .getBucketLocation: "oss:GetBucketLocation"
    case .headBucket: "oss:GetBucketInfo"
    case .putBucket: "oss:PutBucket"
    }
  }
}
