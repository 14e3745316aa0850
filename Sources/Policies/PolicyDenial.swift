extension Policy {
  /// Whether the policy denies a request whatever its condition keys are, and by every reading of what RAM's documentation leaves open.
  package func surelyDenies(_ request: PolicyRequest) -> Bool {
    let denies = statements.contains { deny in
      deny.effect == .deny && deny.conditions.isEmpty && deny.unknownMembers.isEmpty && deny.surelySelects(request)
    }
    return denies
      || !statements.contains { allow in
        allow.effect == .allow && allow.actions.maySelect(request.action) && allow.resources.maySelect(request.resource)
      }
  }
}
