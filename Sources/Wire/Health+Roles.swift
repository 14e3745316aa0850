package import Core

/// What of a role is a reason not to be `ok`, in the same words wherever it is reported.
extension Health.Reason {
  package static func noRoles() -> Self { Self(.noRoles, detail: "no role is in force; add one to the settings") }

  /// `code` is that of the last failure.
  package static func noSession(role: String, code: String?) -> Self {
    let why = code.map { "the last attempt failed: \($0)" } ?? "no attempt has failed yet"
    return Self(.noSession, role: role, detail: "role '\(role)' has no valid session; \(why)")
  }

  /// `errors` are what was wrong, a sentence each with its file.
  package static func settings(refusedAt time: UTCTime, errors: [String]) -> Self {
    let others = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
    return Self(
      .settings,
      detail: "the settings on disk were refused at \(time), older ones are in force: \(errors.first ?? "")\(others)")
  }

  /// The same for those who may not see all roles, since the errors may name any.
  package static func settings() -> Self {
    Self(.settings, detail: "the settings on disk were refused, older ones are in force; an administrator sees why")
  }

  /// `error` says what is wrong with the file at `path`, and what to do.
  package static func output(role: String, path: String, error: String) -> Self {
    // Most errors name the very path; one of a directory or a neighbour doesn't say whose output is meant.
    let detail = error.contains("'\(path)'") ? error : "file '\(path)' isn't written: \(error)"
    return Self(.output, role: role, detail: "role '\(role)': \(detail)")
  }
}

extension Health {
  /// By the status of all roles, or of those that one may see.
  package init(of roles: [RoleStatus], besides others: [Reason] = []) {
    let reasons = roles.flatMap { role in
      (role.state.hasSession ? [] : [Reason.noSession(role: role.name, code: role.lastError?.code)])
        + role.outputs.compactMap { output in
          output.lastError.map { Reason.output(role: role.name, path: output.path, error: $0) }
        }
    }
    self.init((roles.isEmpty ? [.noRoles()] : []) + reasons + others)
  }
}
