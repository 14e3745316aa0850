/// The Security Token Service: a request and the time in, an answer out.
///
/// It has no clock, socket or thread of its own.
package struct STSService: Sendable {
  static let version = "2015-04-01"
  /// The largest body read; the rest of AssumeRole's parameters are far below it.
  package static let bodyLimit = 128 * 1024

  /// Accounts and what is in them. Replacing it keeps sessions and nonces; requests per second count anew.
  package var model: AccountModel { didSet { rates = [:] } }
  package var faults = FaultList()
  package private(set) var callCounts = CallCounts()

  private let mint = TokenMint()
  private var gateway = Gateway()
  private var rates: [String: RequestRate] = [:]

  package init(model: AccountModel) { self.model = model }

  package mutating func resetCallCounts() { callCounts = CallCounts() }

  /// Counts a request that another service has answered.
  mutating func note(_ arrival: CallCounts.Arrival) { callCounts.note(arrival) }

  /// Answers one request.
  package mutating func handle(_ request: Request, at now: WallTime) -> Reply {
    let call = Call(request)
    let faults = faults.take(FaultTarget(call, from: request.sourceAddress))
    let outcome = Outcome.Substitute(faults).map(Outcome.init) ?? answer(call, of: request, with: faults, at: now)
    let reply = AnswerWriter(request: request, format: call?.format ?? .json).reply(outcome, with: faults, at: now)
    callCounts.note(
      CallCounts.Arrival(
        time: now, action: call?.action ?? "", role: call?.roleName ?? "",
        sessionName: call?.parameters["RoleSessionName"] ?? "", keyID: call?.keyID ?? "", nonce: call?.nonce ?? "",
        host: request.header("host") ?? "", result: reply.result))
    return reply.reply
  }

  /// Who signed `request`, proven; it counts as used afterwards.
  package mutating func authenticate(_ request: Request, at now: WallTime) throws(Refusal) -> Caller {
    guard let call = Call(request) else { throw .incompleteSignature() }
    return try gateway.authenticate(call, of: request, in: model, mint: mint, at: now)
  }

  /// What the caller's policies say to `question`.
  package func decision(for caller: Caller, on question: AccessQuestion) -> PolicyDecision {
    RoleKeeper(model: model).decision(for: caller, on: question)
  }

  private mutating func answer(
    _ call: Call?, of request: Request, with faults: [Fault.Kind], at now: WallTime
  ) -> Outcome {
    do throws(Refusal) {
      guard request.isSecure else { throw .needsTLS }
      guard let call else { throw .incompleteSignature() }
      return .fields(try perform(call, of: request, in: lacking(faults, call), at: now), action: call.action ?? "")
    } catch {
      return .refusal(error)
    }
  }

  /// The model without what faults take away from this request.
  private func lacking(_ faults: [Fault.Kind], _ call: Call) -> AccountModel {
    var model = model
    if faults.contains(where: { if case .keyDisabled = $0 { true } else { false } }), let id = call.keyID {
      model.disable(key: id)
    }
    if faults.contains(where: { if case .sessionRevoked = $0 { true } else { false } }), let id = call.keyID {
      model.revoke(session: id)
    }
    if faults.contains(.roleGone), let role = call.role { model.hide(role) }
    return model
  }

  private mutating func perform(
    _ call: Call, of request: Request, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Fields {
    guard let action = call.action, !action.isEmpty else { throw .missing("Action") }
    guard let version = call.version, !version.isEmpty else { throw .missing("Version") }
    guard request.method == "GET" || request.method == "POST" else { throw .noSuchAPI }
    guard request.body.isEmpty || Self.isReadable(request.header("content-type")) else { throw .contentType }
    let caller = try gateway.authenticate(call, of: request, in: model, mint: mint, at: now)
    guard version == Self.version, request.path == "/" || request.path.isEmpty else { throw .noSuchAPI }
    switch action {
    case "AssumeRole": return try assumeRole(call, of: request, by: caller, in: model, at: now)
    case "GetCallerIdentity": return identity(of: caller)
    default: throw .noSuchAction
    }
  }

  private static func isReadable(_ contentType: String?) -> Bool {
    let type = contentType?.lowercased().split(separator: ";").first.map { trimmed(String($0)) }
    return type == "application/json" || type == "application/x-www-form-urlencoded"
  }

  private mutating func assumeRole(
    _ call: Call, of request: Request, by caller: Caller, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Fields {
    let limit = model.accounts[caller.account]?.requestsPerSecond ?? Account.usualRequestsPerSecond
    guard rates[caller.account, default: RequestRate(perSecond: limit)].admit(at: now) else { throw .userThrottled }
    let asked = try AssumeRoleRequest(call.parameters)
    let session = try RoleKeeper(model: model).session(
      for: asked, by: caller, keyID: mint.newKeyID(), context: context(of: request, at: now), at: now)
    let roleID = Identifiers.principalID(of: asked.roleARN)
    let tokenLength = model.role(session.role, in: session.account)?.tokenLength ?? 0
    var fields: Fields = [
      "AssumedRoleUser": .object([
        "AssumedRoleId": .text("\(roleID):\(session.name)"),
        "Arn": .text("\(asked.roleARN)/\(session.name)"),
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

  /// The condition keys that every request has.
  private func context(of request: Request, at now: WallTime) -> [String: String] {
    [
      "acs:CurrentTime": now.isoText, "acs:SourceIp": request.sourceAddress,
      "acs:SecureTransport": request.isSecure ? "true" : "false", "acs:MFAPresent": "false",
      "acs:UserAgent": request.header("user-agent") ?? "",
    ]
  }
}
