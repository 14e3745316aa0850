/// Verifies the sender of a request: parameters present, key known, time near, token valid, signature right, nonce new.
///
/// The vendor doesn't document the order of these checks. Here the nonce is checked last, so that only a verified sender can use
/// one up.
struct Gateway: Sendable {
  /// How far a request's time may differ from ours (the vendor's pages on InvalidTimeStamp.Expired).
  static let skewSeconds: Int64 = 15 * 60

  private var nonces = NonceMemory()

  /// `session` is that of the call's token, if it has been parsed already.
  mutating func authenticate(
    _ call: Call, of request: Request, session: RoleSession? = nil, in model: AccountModel, mint: TokenMint,
    at now: WallTime
  ) throws(Refusal) -> Caller {
    guard let keyID = call.keyID, !keyID.isEmpty else {
      // A broken Authorization header doesn't name a key.
      throw call.dialect == .v3 ? .incompleteSignature() : .missing("AccessKeyId")
    }
    guard let nonce = call.nonce, !nonce.isEmpty else { throw .missing("SignatureNonce") }
    guard let timestamp = call.timestamp, !timestamp.isEmpty else { throw .missing("Timestamp") }
    guard let time = WallTime(timestamp) else { throw .timeFormat }
    let (caller, secret) = try credential(
      keyID: keyID, token: call.securityToken, session: session, in: model, mint: mint)
    guard abs(time.seconds - now.seconds) <= Self.skewSeconds else { throw .timeExpired }
    if case .session(let session) = caller, now >= session.expires { throw .tokenExpired }
    try verify(call, of: request, secret: secret)
    // Times are whole seconds, so a request is in time until the end of its last second.
    guard nonces.admit("\(keyID) \(nonce)", until: time.advanced(bySeconds: Self.skewSeconds + 1), at: now) else {
      throw .nonceUsed
    }
    return caller
  }

  private func verify(_ call: Call, of request: Request, secret: String) throws(Refusal) {
    switch call.dialect {
    case .v1:
      guard call.parameters.contains("Signature") else { throw .missing("Signature") }
      guard request.path == "/" || request.path.isEmpty else { throw .noSuchAPI }
      try SignatureV1.verify(call, of: request, secret: secret)
    case .v3:
      // Otherwise the header could name a different key than the signature.
      if let named = request.header("x-acs-accesskey-id"), named != call.keyID { throw .incompleteSignature() }
      try SignatureV3.verify(call, of: request, secret: secret)
    }
  }

  private func credential(
    keyID: String, token: String?, session: RoleSession?, in model: AccountModel, mint: TokenMint
  ) throws(Refusal) -> (Caller, secret: String) {
    guard let token, !token.isEmpty else {
      if let key = model.keys[keyID] { return (try caller(of: key), key.secret) }
      throw keyID.hasPrefix("STS.") ? .missingSecurityToken : .unknownAccessKey
    }
    if model.isRevoked(session: keyID) { throw .unknownAccessKey }
    if let foreign = model.foreignSession(keyID: keyID, token: token) {
      return (.session(foreign.session), foreign.secret)
    }
    guard let session = session ?? mint.session(of: token) else { throw .tokenMalformed }
    guard session.keyID == keyID else { throw .tokenMismatch }
    return (.session(session), mint.secret(forKeyID: keyID))
  }

  private func caller(of key: AccessKey) throws(Refusal) -> Caller {
    guard key.isActive else { throw .inactiveAccessKey }
    return switch key.owner {
    case .root: .root(account: key.account)
    case .user(let name): .user(name, account: key.account)
    }
  }
}

/// Nonces used recently, each remembered until its request would be too old anyway.
struct NonceMemory: Sendable {
  private var used: [String: WallTime] = [:]
  private var nextSweep = 1024

  var count: Int { used.count }

  /// False if the nonce was used before and is still remembered; `end` is when it may be forgotten.
  mutating func admit(_ nonce: String, until end: WallTime, at now: WallTime) -> Bool {
    if let known = used[nonce], known > now { return false }
    used[nonce] = end
    if used.count >= nextSweep {
      used = used.filter { $0.value > now }
      nextSweep = max(1024, used.count * 2)
    }
    return true
  }
}
