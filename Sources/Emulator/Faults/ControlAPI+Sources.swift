extension ControlAPI {
  /// Makes a token for AssumeRoleWithOIDC, in plain text.
  func makeToken(_ parameters: Parameters) -> Reply {
    let clock = service.clock
    let (model, issuer) = service.withService { ($0.model, $0.oidcIssuer) }
    let accounts = model.accounts.values.filter { ($0.id == parameters["account"] ?? $0.id) }
    let providers = accounts.flatMap(\.oidcProviders.values).filter { $0.name == parameters["provider"] ?? $0.name }
    guard let provider = providers.first, providers.count == 1 else {
      return problem(400, "'provider' and 'account' must name one OIDC provider")
    }
    var claims = OIDCIssuer.Claims(
      issuer: parameters["issuer"] ?? provider.issuer, subject: parameters["subject"] ?? "subject",
      audience: parameters["audience"] ?? provider.clientIDs.first ?? "")
    for (name, value) in [("lifetime", \OIDCIssuer.Claims.lifetimeSeconds), ("not_before", \.notBeforeSeconds)] {
      guard let text = parameters[name] else { continue }
      guard let seconds = Int64(text), abs(seconds) < 1_000_000_000 else {
        return problem(400, "'\(name)' is a number of seconds")
      }
      claims[keyPath: value] = seconds
    }
    do {
      return reply(
        200, try issuer.token(claims, isForged: parameters["forged"] == "true", at: clock.now),
        type: "text/plain; charset=utf-8")
    } catch {
      return problem(500, error.description)
    }
  }

  /// Makes a service of a host hand out another credential.
  func rotate(_ parameters: Parameters) -> Reply {
    switch parameters["service"] {
    case Fault.Service.ecs.rawValue: return done { service.withService { $0.renewSession(of: .metadata) } }
    case Fault.Service.uri.rawValue: return done { service.withService { $0.renewSession(of: .credentialsURI) } }
    case Fault.Service.kms.rawValue: return rotateSecret(parameters)
    default: return problem(400, "'service' is one of ecs, uri, kms")
    }
  }

  private func rotateSecret(_ parameters: Parameters) -> Reply {
    guard let seconds = Int64(parameters["keep_seconds"] ?? "600"), (0...1_000_000).contains(seconds) else {
      return problem(400, "'keep_seconds' is a whole number from 0 to 1000000")
    }
    let name = parameters["secret"] ?? ""
    let now = service.clock.now
    guard service.withService({ $0.rotate(secret: name, keepSeconds: seconds, at: now) }) else {
      return problem(404, "there is no secret '\(name)'")
    }
    return done {}
  }
}
