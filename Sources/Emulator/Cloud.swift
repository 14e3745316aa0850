/// The emulated cloud: STS and VOD behind one gateway. It turns a request and a time into an answer.
///
/// It has no clock, socket or thread of its own.
package struct Cloud: Sendable {
  /// The largest body read; the parameters of every operation are far below it.
  package static let bodyLimit = 128 * 1024

  /// Accounts and their content. Replacing it keeps sessions, nonces and videos; the rates count from zero again.
  package var model: AccountModel {
    didSet {
      sts.resetRates()
      vod.resetRates()
    }
  }
  package var faults = FaultList()
  package private(set) var callCounts = CallCounts()

  let mint: TokenMint
  /// Signs tokens of OIDC providers that have no keys of their own.
  let oidcIssuer = OIDCIssuer()
  var hostServices = HostServices()
  private var gateway = Gateway()
  private var sts: STSService
  private var vod: VODService

  /// `store` receives VOD's uploads.
  init(model: AccountModel, store: any UploadStore) {
    self.model = model
    mint = TokenMint()
    sts = STSService(mint: mint)
    vod = VODService(store: store)
  }

  /// What the regions of STS admit per second of AssumeRole and of AssumeRoleWithOIDC, where it isn't the accounts' own.
  var regionQuotas: RegionQuotas {
    get { sts.quotas }
    set { sts.quotas = newValue }
  }

  package mutating func resetCallCounts() { callCounts = CallCounts() }

  /// Counts a request that another service has answered.
  mutating func note(_ arrival: CallCounts.Arrival) { callCounts.note(arrival) }

  /// `HOST[:PORT]` of the object storage for VOD's uploads, if the model's settings name none.
  package var uploadHost: String? {
    get { vod.uploadHost }
    set { vod.uploadHost = newValue }
  }

  /// All videos, oldest first, in their state at `now`.
  package func videos(at now: WallTime) -> [VideoReport] { vod.report(by: model.vod, at: now) }

  /// Answers one request.
  package mutating func handle(_ request: Request, at now: WallTime) -> Reply {
    handle(request, Call(request), at: now)
  }

  /// The same for a request that has been parsed; `call` is nil if that failed.
  mutating func handle(_ request: Request, _ call: Call?, at now: WallTime) -> Reply {
    let session = call.flatMap(signingSession)
    let role = call?.roleName ?? session?.role
    let faults = faults.take(
      FaultTarget(call, role: role, from: request.sourceAddress, region: request.region))
    let service = call?.service ?? .sts
    let outcome =
      Outcome.Substitute(faults, of: service).map(Outcome.init)
      ?? answer(call, of: request, session: session, with: faults, at: now)
    let reply = AnswerWriter(request: request, format: call?.format ?? .json, service: service)
      .reply(outcome, with: faults, at: now)
    callCounts.note(
      CallCounts.Arrival(
        time: now, action: call?.action ?? "", role: role ?? "",
        sessionName: call?.parameters["RoleSessionName"] ?? session?.name ?? "", keyID: call?.keyID ?? "",
        nonce: call?.nonce ?? "", host: request.header("host") ?? "", region: request.region, result: reply.result))
    return reply.reply
  }

  /// The verified signer of `request`, whose nonce counts as used afterwards.
  package mutating func authenticate(_ request: Request, at now: WallTime) throws(Refusal) -> Caller {
    guard let call = Call(request) else { throw .incompleteSignature() }
    return try gateway.authenticate(call, of: request, in: currentModel(at: now), mint: mint, at: now)
  }

  /// The session whose token a VOD call has. STS calls name their role themselves.
  private func signingSession(of call: Call) -> RoleSession? {
    guard call.service == .vod, let token = call.securityToken, let keyID = call.keyID else { return nil }
    return model.foreignSession(keyID: keyID, token: token)?.session ?? mint.session(of: token)
  }

  private mutating func answer(
    _ call: Call?, of request: Request, session: RoleSession?, with faults: [Fault.Kind], at now: WallTime
  ) -> Outcome {
    do throws(Refusal) {
      guard request.isSecure else { throw .needsTLS }
      guard let call else { throw .incompleteSignature() }
      let performed = try perform(call, of: request, session: session, in: lacking(faults, call, at: now), at: now)
      return .done(performed, action: call.action ?? "")
    } catch {
      return .refusal(error)
    }
  }

  /// The model with the AccessKeys that KMS has rotated.
  func currentModel(at now: WallTime) -> AccountModel { hostServices.kmsAgent.updated(model, at: now) }

  /// The model without the parts that faults hide from this request.
  private func lacking(_ faults: [Fault.Kind], _ call: Call, at now: WallTime) -> AccountModel {
    var model = currentModel(at: now)
    guard !faults.isEmpty else { return model }
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
    _ call: Call, of request: Request, session: RoleSession?, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Performed {
    guard let action = call.action, !action.isEmpty else { throw .missing("Action") }
    guard let version = call.version, !version.isEmpty else { throw .missing("Version") }
    guard request.method == "GET" || request.method == "POST" else { throw .noSuchAPI }
    guard request.body.isEmpty || Self.isReadable(request.header("content-type")) else { throw .contentType }
    if action == STSService.anonymousAction, call.service == .sts {
      return Performed(fields: try sts.assumeRoleWithOIDC(call, of: request, in: model, by: oidcIssuer, at: now))
    }
    let caller = try gateway.authenticate(call, of: request, session: session, in: model, mint: mint, at: now)
    guard let service = call.service, request.path == "/" || request.path.isEmpty else { throw .noSuchAPI }
    let proven = ProvenCall(
      action: action, parameters: call.parameters, caller: caller, context: request.policyContext(at: now),
      sourceAddress: request.sourceAddress, region: request.region)
    return switch service {
    case .sts: Performed(fields: try sts.perform(proven, in: model, at: now))
    case .vod: try vod.perform(proven, in: model, at: now)
    }
  }

  private static func isReadable(_ contentType: String?) -> Bool {
    let type = contentType?.lowercased().split(separator: ";").first.map { trimmed(String($0)) }
    return type == "application/json" || type == "application/x-www-form-urlencoded"
  }
}
