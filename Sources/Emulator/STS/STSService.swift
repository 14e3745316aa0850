/// The Security Token Service's operations (API 2015-04-01).
struct STSService: Sendable {
  /// The operation that is called without a signature.
  static let anonymousAction = "AssumeRoleWithOIDC"

  private let mint: TokenMint
  private var rates = CallRates()

  init(mint: TokenMint) { self.mint = mint }

  mutating func resetRates() { rates = CallRates() }

  /// Requests per second that a region admits, where they differ from those of the account.
  var quotas = RegionQuotas()

  mutating func perform(
    _ call: ProvenCall, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Fields {
    switch call.action {
    case "AssumeRole": return try assumeRole(call, in: model, at: now)
    case "GetCallerIdentity": return identity(of: call.caller)
    default: throw .noSuchAction
    }
  }

  private mutating func assumeRole(
    _ call: ProvenCall, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Fields {
    try admit(call.action, of: call.caller.account, in: call.region, model, at: now)
    let asked = try AssumeRoleRequest(call.parameters)
    let session = try RoleAssumption(model: model).session(
      for: asked, by: call.caller, keyID: mint.newKeyID(), context: call.context, at: now)
    return answer(session, roleARN: asked.roleARN, in: model)
  }

  /// AssumeRoleWithOIDC, which a token signs instead of the caller.
  mutating func assumeRoleWithOIDC(
    _ call: Call, of request: Request, in model: AccountModel, by issuer: OIDCIssuer, at now: WallTime
  ) throws(Refusal) -> Fields {
    // The nonce isn't checked: cred-py sends none.
    if let timestamp = call.timestamp, !timestamp.isEmpty {
      guard let time = WallTime(timestamp) else { throw .timeFormat }
      guard abs(time.seconds - now.seconds) <= Gateway.skewSeconds else { throw .timeExpired }
    }
    let asked = try AssumeRoleRequest(call.parameters)
    try admit(Self.anonymousAction, of: asked.role.account, in: request.region, model, at: now)
    let arn = call.parameters["OIDCProviderArn"] ?? ""
    guard let provider = model.oidcProvider(arn) else { throw .noSuchOIDCProvider }
    let token = try OIDCToken(call.parameters["OIDCToken"] ?? "")
    try token.verify(for: provider, by: issuer, at: now)
    var context = request.policyContext(at: now)
    context["oidc:iss"] = token.issuer
    context["oidc:sub"] = token.subject
    context["oidc:aud"] = try token.audience(for: provider)
    let session = try RoleAssumption(model: model).session(
      for: asked, byProvider: arn, keyID: mint.newKeyID(), context: context, at: now)
    var fields = answer(session, roleARN: asked.roleARN, in: model)
    fields.append("OIDCTokenInfo", .object(token.information))
    return fields
  }

  private mutating func admit(
    _ action: String, of account: String, in region: String, _ model: AccountModel, at now: WallTime
  ) throws(Refusal) {
    let limit =
      quotas[region] ?? model.accounts[account]?.requestsPerSecond ?? Account.usualRequestsPerSecond
    guard rates.admit(action, of: account, in: region, perSecond: limit, at: now) else { throw .userThrottled }
  }

  private func answer(_ session: RoleSession, roleARN: String, in model: AccountModel) -> Fields {
    let roleID = Identifiers.principalID(of: roleARN)
    let tokenLength = model.role(session.role, in: session.account)?.tokenLength ?? 0
    var fields: Fields = [
      "AssumedRoleUser": .object([
        "AssumedRoleId": .text("\(roleID):\(session.name)"),
        "Arn": .text("\(roleARN)/\(session.name)"),
      ]),
      "Credentials": .object([
        "AccessKeyId": .text(session.keyID),
        "AccessKeySecret": .text(mint.secret(forKeyID: session.keyID)),
        "SecurityToken": .text(mint.token(for: session, length: tokenLength)),
        "Expiration": .text(session.expires.isoText),
      ]),
    ]
    if let sourceIdentity = session.sourceIdentity { fields.append("SourceIdentity", .text(sourceIdentity)) }
    return fields
  }

  private func identity(of caller: Caller) -> Fields {
    let account = caller.account
    switch caller {
    case .root:
      return [
        "IdentityType": .text("Account"), "AccountId": .text(account), "PrincipalId": .text(account),
        "UserId": .text(account), "Arn": .text("acs:ram::\(account):root"),
      ]
    case .user(let name, _):
      let arn = "acs:ram::\(account):user/\(name)"
      let id = Identifiers.principalID(of: arn)
      return [
        "IdentityType": .text("RAMUser"), "AccountId": .text(account), "PrincipalId": .text(id), "UserId": .text(id),
        "Arn": .text(arn),
      ]
    case .session(let session):
      let id = Identifiers.principalID(of: "acs:ram::\(account):role/\(session.role)")
      return [
        "IdentityType": .text("AssumedRoleUser"), "AccountId": .text(account),
        "PrincipalId": .text("\(id):\(session.name)"), "RoleId": .text(id),
        "Arn": .text("acs:ram::\(account):assumed-role/\(session.role)/\(session.name)"),
      ]
    }
  }
}
