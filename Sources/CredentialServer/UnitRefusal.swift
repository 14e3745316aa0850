package import Core
package import Wire

/// Why a unit gets no credential.
package enum UnitRefusal: Hashable, Sendable {
  /// The ID in its LoadCredential= has neither of the forms ROLE and ROLE.FORMAT.
  case unknownCredential
  case unknownRole(RoleName)
  case notAllowed(RoleName)
  /// No session was valid within `wait`; `why` is a clause that gives the reason.
  case noSession(RoleName, why: String)
  /// The credential can't be written in the format that the unit names.
  case unfit(RoleName, FormatError)
  /// The unit names a template, and the role's files haven't exactly one.
  case noTemplate(RoleName)
  /// By its control group, the peer's process belongs to another unit, `found`, than its address states.
  case otherUnit(found: String)
  case stopping
  /// The daemon has no valid settings; the first error in them.
  case notServing(error: String)

  package var kind: UnitFigures.Refusal {
    switch self {
    case .unknownCredential, .unknownRole, .noTemplate: .unknownCredential
    case .notAllowed: .notAllowed
    case .noSession: .noSession
    case .unfit: .unfitFormat
    case .otherUnit: .otherPeer
    case .stopping: .stopping
    case .notServing: .notServing
    }
  }

  var role: RoleName? {
    switch self {
    case .unknownRole(let name), .notAllowed(let name), .noSession(let name, _), .unfit(let name, _),
      .noTemplate(let name):
      name
    case .unknownCredential, .otherUnit, .stopping, .notServing: nil
    }
  }

  /// What happened, including the request.
  func reason(_ request: UnitRequest) -> String {
    let credential = "LoadCredential=\(request.credential)"
    return switch self {
    case .unknownCredential: "\(credential) names no credential"
    case .unknownRole(let name): "\(credential): there is no role '\(name)'"
    case .notAllowed(let name): "\(credential): roles.\(name).allow doesn't name this unit"
    case .noSession(let name, let why): "\(credential): role '\(name)' has no valid session; \(why)"
    case .unfit(_, let error): "\(credential): \(error)"
    case .noTemplate(let name): "\(credential): the files of role '\(name)' have no template, or several"
    case .otherUnit(let found): "\(credential): its process is in the control group '\(found)'"
    case .stopping: "\(credential): the daemon is stopping or restarting"
    case .notServing(let error): "\(credential): the daemon can't use its settings: \(error)"
    }
  }

  /// What a person can do about it.
  func advice(_ request: UnitRequest) -> String {
    switch self {
    case .unknownCredential: RequestedCredential.rule
    case .unknownRole: "name one of the roles that 'sudo rolekeeper status' shows"
    case .notAllowed(let name):
      "if it may have that role, write units = [\"\(request.unit)\"] in roles.\(name).allow and reload"
    case .noSession: "see 'sudo rolekeeper status'; 'wait' in [credentials] is how long a start waits"
    case .unfit: "name another format: \(RequestedCredential.rule)"
    case .noTemplate(let name): "write one file with format = \"template\" in [[roles.\(name).files]] and reload"
    case .otherUnit: "only units of the system's service manager get credentials"
    case .stopping: "start the unit again when the daemon runs"
    case .notServing: "run: sudo rolekeeper check"
    }
  }
}
