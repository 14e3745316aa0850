import Core
package import Wire

/// The one judgement behind `/healthz`, `status`, `status --check` and the metrics.
extension Keeper {
  package func health() -> Health {
    let roles = refresher.roles.values.sorted { $0.name < $1.name }
    let sessions: [Health.Reason] = roles.isEmpty ? [.noRoles()] : sessionReasons(roles)
    return Health(sessions + outputs.failing.flatMap(outputReasons) + generalReasons())
  }

  package func health(of role: KeptRole) -> Health {
    Health(sessionReasons([role]) + outputReasons(role.name) + generalReasons())
  }

  private func sessionReasons(_ roles: [KeptRole]) -> [Health.Reason] {
    let now = Self.now()
    return roles.filter { !$0.isValid(at: now) }
      .map { .noSession(role: $0.name.description, code: $0.machine.lastFailure?.code) }
  }

  private func outputReasons(_ name: RoleName) -> [Health.Reason] {
    outputs.statuses(of: name, clock: refresher.clock).compactMap { output in
      output.lastError.map { .output(role: name.description, path: output.path, error: $0) }
    }
  }

  /// What isn't about sessions or files: a source with an error, settings that were refused. Each is a `Health.Reason` here.
  private func generalReasons() -> [Health.Reason] {
    let sources = edges.sources.values.sorted { $0.name < $1.name }.compactMap { source in
      source.trouble.map { Health.Reason(.source, detail: $0) }
    }
    return sources + (refusal.map { [.settings(refusedAt: $0.at, errors: $0.errors)] } ?? [])
  }
}
