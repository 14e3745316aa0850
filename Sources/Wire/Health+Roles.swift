package import Core

/// Reasons of a role not to be `ok`, with the same wording wherever they are reported.
extension Health.Reason {
  package static func noRoles() -> Self { Self(.noRoles, detail: "no role is in force; add one to the settings") }

  /// `code` is the last failure's.
  package static func noSession(role: String, code: String?) -> Self {
    let why = code.map { "the last attempt failed: \($0)" } ?? "no attempt has failed yet"
    return Self(.noSession, role: role, detail: "role '\(role)' has no valid session; \(why)")
  }

  /// `error` is the last attempt's; `life` is how long the session that readers get lasts.
  package static func refresh(role: String, code: String, advice: String, since: UTCTime?, life: Duration) -> Self {
    let start = since.map { "failing since \($0); " } ?? ""
    return Self(
      .refresh, role: role,
      detail: "role '\(role)' isn't refreshed: \(code): \(advice); \(start)its session lasts \(life.text) more")
  }

  /// A reason that no refresh changes, though each succeeds.
  package static func shortSessions(role: String, _ short: ShortSessions) -> Self {
    Self(
      .shortSessions, role: role,
      detail:
        "role '\(role)': STS grants sessions of \(short.granted.text) instead of \(short.asked.text), too short for the floor of "
        + "\(short.floor.text); raise the role's MaxSessionDuration in the RAM console, or lower 'floor' or 'duration'")
  }

  /// `error` is the problem with the CA file, which it names; `hasCertificates` is whether some were read before.
  package static func caFile(error: String, hasCertificates: Bool = true) -> Self {
    let effect =
      hasCertificates
      ? "the certificates read before are in force"
      : "no certificates were read before, so refreshes fail until it can be used"
    return Self(.caFile, detail: "\(error); \(effect)")
  }

  /// `refused` of them were refused of late; `most` may be open, which is fewer than in the settings if descriptors don't suffice for those.
  package static func connections(refused: Int, most: Int, inSettings: Int) -> Self {
    let remedy =
      most < inSettings
      ? "raise 'LimitNOFILE=' of the unit: its descriptors don't suffice for max_connections = \(inSettings)"
      : "raise 'max_connections' in [socket] and reload"
    return Self(
      .connections,
      detail: "all \(most) connections were taken, and \(refused) \(refused == 1 ? "was" : "were") refused; \(remedy)")
  }

  /// `errors` are the settings' errors, a sentence each with its file.
  package static func settings(refusedAt time: UTCTime, errors: [String]) -> Self {
    let others = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
    return Self(
      .settings,
      detail: "the settings on disk were refused at \(time), older ones are in force: \(errors.first ?? "")\(others)")
  }

  /// The same for callers that may not see all roles, since the errors may name any.
  package static func settings() -> Self {
    Self(.settings, detail: "the settings on disk were refused, older ones are in force; an administrator sees why")
  }

  /// `reasons` name what is missing, a sentence each.
  package static func incompleteSettings(_ reasons: [String]) -> Self {
    let others = reasons.count > 1 ? " (and \(reasons.count - 1) more)" : ""
    return Self(
      .incompleteSettings,
      detail:
        "the settings look cut off: \(reasons.first ?? "")\(others); credential files that they no longer name stay until their "
        + "sessions expire; complete the settings and reload, or, if this is meant, run: sudo rolekeeper reload --allow-removal"
    )
  }

  /// The same for callers that may not see all roles.
  package static func incompleteSettings() -> Self {
    Self(.incompleteSettings, detail: "the settings look cut off; an administrator sees why")
  }

  /// `error` is the problem with the file at `path`, with a fix.
  package static func output(role: String, path: String, error: String) -> Self {
    // Most errors name that path; one about a directory or a neighbour doesn't show which output is affected.
    let detail = Self.does(error, name: path) ? error : "file '\(path)' isn't written: \(error)"
    return Self(.output, role: role, detail: "role '\(role)': \(detail)")
  }

  // Not with `contains`: the command line would start more slowly, with the library of regular expressions that it belongs to.
  private static func does(_ error: String, name path: String) -> Bool {
    let bytes = Array(error.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: "'\(path)'".utf8) }
  }
}

extension Health {
  /// From the status of all roles, or of those that the caller may see.
  package init(of roles: [RoleStatus], besides others: [Reason] = []) {
    self.init((roles.isEmpty ? [.noRoles()] : []) + roles.flatMap { Self.reasons(of: $0) } + others)
  }

  private static func reasons(of role: RoleStatus) -> [Reason] {
    var reasons: [Reason] = []
    if !role.state.hasSession {
      reasons.append(.noSession(role: role.name, code: role.lastError?.code))
    } else if role.needsAttention, let error = role.lastError {
      reasons.append(
        .refresh(
          role: role.name, code: error.code, advice: error.advice, since: error.since, life: role.expiresIn ?? .zero))
    } else if let short = role.shortSessions {
      reasons.append(.shortSessions(role: role.name, short))
    }
    for output in role.outputs {
      if let error = output.lastError { reasons.append(.output(role: role.name, path: output.path, error: error)) }
    }
    return reasons
  }
}
