/// The parameters of AssumeRole, checked (vendor's API reference, AssumeRole).
struct AssumeRoleRequest: Sendable {
  /// A policy must be smaller than this; the parameter's description says 2048 characters, the error's 2048 bytes.
  private static let policyLimit = 2048

  let role: RoleReference
  let roleARN: String
  let sessionName: String
  let durationSeconds: Int64
  let policy: String?
  let externalID: String?
  let sourceIdentity: String?

  init(_ parameters: Parameters) throws(Refusal) {
    guard let roleARN = parameters["RoleArn"], !roleARN.isEmpty else { throw .missing("RoleArn") }
    guard let sessionName = parameters["RoleSessionName"], !sessionName.isEmpty else {
      throw .missing("RoleSessionName")
    }
    guard let role = RoleReference(roleARN) else { throw .wronglyFormed("RoleArn") }
    guard Self.isWord(sessionName, lengths: 2...64, symbols: ".@-_") else { throw .wronglyFormed("RoleSessionName") }
    self.role = role
    self.roleARN = roleARN
    self.sessionName = sessionName
    durationSeconds = try Self.duration(parameters["DurationSeconds"])
    policy = try Self.policy(parameters["Policy"])
    externalID = parameters["ExternalId"]
    if let externalID, !Self.isWord(externalID, lengths: 2...1224, symbols: "_+=,.@:/-") {
      throw .wronglyFormed("ExternalId")
    }
    sourceIdentity = parameters["SourceIdentity"]
    if let sourceIdentity, !Self.isSourceIdentity(sourceIdentity) { throw .wronglyFormed("SourceIdentity") }
  }

  /// At least 900 s; the role decides about the maximum.
  private static func duration(_ text: String?) throws(Refusal) -> Int64 {
    guard let text, !text.isEmpty else { return 3600 }
    guard text.utf8.allSatisfy(RoleReference.isDigit), let seconds = Int64(text), seconds >= 900 else {
      throw .durationSeconds
    }
    return seconds
  }

  private static func policy(_ text: String?) throws(Refusal) -> String? {
    guard let text, !text.isEmpty else { return nil }
    guard text.utf8.count < policyLimit else { throw .policySize }
    guard Policy(text, kind: .identity) != nil else { throw .policyGrammar }
    return text
  }

  private static func isSourceIdentity(_ text: String) -> Bool {
    isWord(text, lengths: 2...64, symbols: "_+=,.@-")
      && !["acs:", "aliyun:", "alibabacloud:"].contains { text.hasPrefix($0) }
  }

  private static func isWord(_ text: String, lengths: ClosedRange<Int>, symbols: StaticString) -> Bool {
    let symbols = symbols.withUTF8Buffer { Array($0) }
    return lengths.contains(text.utf8.count)
      && text.utf8.allSatisfy { RoleReference.isLetterOrDigit($0) || symbols.contains($0) }
  }
}

/// Decides who may assume which role, and what the session contains.
struct RoleAssumption: Sendable {
  let model: AccountModel

  /// The session for `caller`, or the refusal.
  func session(
    for request: AssumeRoleRequest, by caller: Caller, keyID: String, context: [String: String], at now: WallTime
  ) throws(Refusal) -> RoleSession {
    if case .root = caller { throw .rootMayNotAssume }
    let sourceIdentity = try sourceIdentity(request, of: caller)
    var context = context
    context["sts:ExternalId"] = request.externalID
    // Whether an inherited one counts in policies as well is (?).
    context["sts:SourceIdentity"] = sourceIdentity
    let question = AccessQuestion(action: "sts:AssumeRole", resource: request.roleARN, context: context)
    guard model.decision(for: caller, on: question) == .allowed else { throw .notAuthorized }
    guard let role = model.role(request.role.name, in: request.role.account) else { throw .noSuchRole }
    guard role.trust.trusts(caller.principals, in: context) == .allowed else { throw .roleDoesNotTrust }
    if case .session = caller, let most = model.accounts[caller.account]?.chainedSessionSeconds {
      guard request.durationSeconds <= most else { throw .durationSeconds }
    }
    return try session(of: role, for: request, keyID: keyID, sourceIdentity: sourceIdentity, at: now)
  }

  /// The same for the holder of a token of the OIDC provider with this ARN.
  func session(
    for request: AssumeRoleRequest, byProvider arn: String, keyID: String, context: [String: String], at now: WallTime
  ) throws(Refusal) -> RoleSession {
    guard let role = model.role(request.role.name, in: request.role.account) else { throw .noSuchRole }
    guard role.trust.trusts([arn], of: .federated, in: context) == .allowed else { throw .noFederatedPermission }
    return try session(of: role, for: request, keyID: keyID, sourceIdentity: nil, at: now)
  }

  private func session(
    of role: Role, for request: AssumeRoleRequest, keyID: String, sourceIdentity: String?, at now: WallTime
  ) throws(Refusal) -> RoleSession {
    guard request.durationSeconds <= role.maxSessionSeconds else { throw .durationSeconds }
    let lifetime = min(request.durationSeconds, role.issuedLifetimeSeconds ?? .max)
    return RoleSession(
      keyID: keyID, account: request.role.account, role: role.name, name: request.sessionName,
      // Expiration has whole seconds, and the reported time is the one that counts.
      expires: WallTime(seconds: now.seconds + lifetime), policy: request.policy, sourceIdentity: sourceIdentity)
  }

  /// A source identity stays for all sessions chained from the first.
  private func sourceIdentity(_ request: AssumeRoleRequest, of caller: Caller) throws(Refusal) -> String? {
    guard case .session(let session) = caller, let inherited = session.sourceIdentity else {
      return request.sourceIdentity
    }
    guard request.sourceIdentity == nil || request.sourceIdentity == inherited else {
      throw .wronglyFormed("SourceIdentity")
    }
    return inherited
  }
}
