/// A service at an address of the host's own, for sources of credentials other than an AccessKey file.
enum HostService: Sendable {
  /// The metadata service of an ECS instance.
  case metadata
  /// The server behind a credentials URI.
  case credentialsURI
  /// KMS Agent.
  case kmsAgent

  var asFaultTarget: Fault.Service {
    switch self {
    case .metadata: .ecs
    case .credentialsURI: .uri
    case .kmsAgent: .kms
    }
  }
}

/// The state of these services.
struct HostServices: Sendable {
  var metadata = MetadataService()
  var credentialsURI = ServedSession()
  var kmsAgent = KMSAgent()
}

extension Cloud {
  /// Answers one request to `service`.
  mutating func handle(_ request: Request, by service: HostService, at now: WallTime) -> Reply {
    let action =
      switch service {
      case .metadata: MetadataService.action(of: request)
      case .credentialsURI: "GetCredentials"
      case .kmsAgent: KMSAgent.action(of: request)
      }
    let role = servedRole(by: service)
    let faults = faults.take(
      FaultTarget(service: service.asFaultTarget, source: request.sourceAddress, action: action, role: role))
    let substitute = Outcome.Substitute(faults)
    let outcome = substitute == nil ? answer(request, by: service, with: faults, at: now) : nil
    let (answer, plainResult) = Self.answer(outcome, substitute)
    var result = plainResult
    if outcome?.result == "OK", faults.contains(where: \.changesDocument) { result = "bent" }
    var reply = Reply(answer: answer, manner: .whole, delayMilliseconds: 0)
    reply.bend(by: faults, at: now)
    if case .refusedConnection? = substitute { reply.manner = .refused }
    if reply.manner == .refused { result = faults.contains(.lostAnswer) ? "lost" : "refused" }
    if reply.manner == .brokenOff { result = "broken off" }
    note(
      CallCounts.Arrival(
        time: now, action: action, role: role ?? "", sessionName: "", keyID: "", nonce: "",
        host: request.header("host") ?? "", result: result))
    return reply
  }

  /// Lets the next request to this service get another session than the last one.
  mutating func renewSession(of service: HostService) {
    switch service {
    case .metadata: hostServices.metadata.renew()
    case .credentialsURI: hostServices.credentialsURI.renew()
    case .kmsAgent: break
    }
  }

  /// Rotates the AccessKey in a secret of KMS; false if there is none with that name.
  mutating func rotate(secret name: String, keepSeconds: Int64, at now: WallTime) -> Bool {
    hostServices.kmsAgent.rotate(name, keepSeconds: keepSeconds, in: model, at: now)
  }

  private func servedRole(by service: HostService) -> String? {
    switch service {
    case .metadata: model.metadata.role?.role.name
    case .credentialsURI: model.credentialsURI.role?.role.name
    case .kmsAgent: nil
    }
  }

  private mutating func answer(
    _ request: Request, by service: HostService, with faults: [Fault.Kind], at now: WallTime
  ) -> HostOutcome {
    let isLapsed = faults.contains(.lapsed)
    var outcome =
      switch service {
      case .metadata:
        hostServices.metadata.answer(request, isLapsed: isLapsed, in: model, mint: mint, at: now)
      case .credentialsURI: credentials(for: request, isLapsed: isLapsed, at: now)
      case .kmsAgent: hostServices.kmsAgent.answer(request, in: model, at: now)
      }
    for case .fields(let names, let value) in faults {
      guard case .document(var fields) = outcome.content else { continue }
      for name in names { fields.replace(name, with: value.map { .text($0) }) }
      outcome.content = .document(fields)
    }
    return outcome
  }

  /// The document that ALIBABA_CLOUD_CREDENTIALS_URI's consumers want. Whoever may ask is decided by the connection.
  private mutating func credentials(for request: Request, isLapsed: Bool, at now: WallTime) -> HostOutcome {
    let settings = model.credentialsURI
    guard request.method == "GET", request.path.utf8.elementsEqual(settings.path.utf8), let role = settings.role else {
      return HostOutcome(status: 404, code: "NotFound", message: "there is no credential here")
    }
    return HostOutcome(
      .document(
        hostServices.credentialsURI.document(
          role, named: "credentials-uri", isLapsed: isLapsed, in: model, mint: mint, at: now)))
  }

  private static func answer(_ outcome: HostOutcome?, _ substitute: Outcome.Substitute?) -> (Answer, result: String) {
    switch substitute {
    case nil: (outcome?.answer ?? Answer(status: 500, headers: [], body: []), outcome?.result ?? "")
    case .refusedConnection: (Answer(status: 503, headers: [], body: []), "refused")
    case .html(let status): (.proxyPage(status: status), "html")
    case .garbage(let garbage): (.garbage(garbage), "garbage")
    case .error(let refusal, _):
      (HostOutcome(status: refusal.status, code: refusal.code, message: refusal.message).answer, refusal.code)
    }
  }
}

extension Fault.Kind {
  /// Whether it spoils a good document.
  fileprivate var changesDocument: Bool {
    switch self {
    case .fields, .lapsed, .garbage: true
    default: false
    }
  }
}
