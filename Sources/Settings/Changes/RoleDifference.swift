import Core

/// What a reload means for a role that exists before and after it: which settings changed, and what follows.
package struct RoleDifference: Hashable, Sendable {
  /// A setting of a role, by its property in `RoleSettings` or in its `RoleTiming`. A test compares the list with those types, so that
  /// none is added without a decision here.
  package enum Setting: String, Hashable, CaseIterable, Sendable {
    case name, arn, sessionName, policy, externalID, source, tier, isRequired, readers, outputs, refreshUnits,
      derivation
    case duration, maxDuration, pool, refreshAfter, floor, surviveOutage, lapseMargin, isOfTier
  }

  /// What follows from a change.
  package struct Consequences: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sessions are of another role, or may permit more than they should now: none of them is handed out again.
    package static let endsSessions = Consequences(rawValue: 1)
    /// Sessions remain valid; the next ones are requested with other parameters.
    package static let changesRequest = Consequences(rawValue: 2)
    /// The pool is refreshed at other times.
    package static let changesTiming = Consequences(rawValue: 4)
    /// Other users may read the role. Each request is checked against the settings in force.
    package static let changesAccess = Consequences(rawValue: 8)
    /// The role has other files.
    package static let changesOutputs = Consequences(rawValue: 16)
    /// A start waits for it, or no longer does.
    package static let changesStart = Consequences(rawValue: 32)
    /// Other sessions are derived from the role, or other users may read them. What follows for those that there are is found by
    /// comparing their own settings.
    package static let changesDerivation = Consequences(rawValue: 64)
  }

  /// In the order of `Setting`; empty when nothing changed.
  package let changed: [Setting]
  package let consequences: Consequences

  init(from old: RoleSettings, to new: RoleSettings) {
    changed = old == new ? [] : Setting.allCases.filter { $0.differs(old, new) }
    consequences = changed.reduce(into: []) { $0.formUnion($1.consequences) }
    assert(old == new || !changed.isEmpty, "a setting of a role has no decision on what its change means")
  }
}

extension RoleDifference.Setting {
  /// The consequences of a change of this setting.
  package var consequences: RoleDifference.Consequences {
    switch self {
    // A role with another name is another role.
    case .name, .arn, .policy: .endsSessions
    case .sessionName, .externalID, .source, .tier: .changesRequest
    case .isRequired: .changesStart
    case .readers: .changesAccess
    case .outputs: .changesOutputs
    case .derivation: .changesDerivation
    // From the next rotation on.
    case .refreshUnits: []
    case .duration: [.changesRequest, .changesTiming]
    case .maxDuration, .pool, .refreshAfter, .floor, .surviveOutage, .lapseMargin, .isOfTier: .changesTiming
    }
  }

  fileprivate func differs(_ old: RoleSettings, _ new: RoleSettings) -> Bool {
    switch self {
    case .name: old.name != new.name
    // A role that comes from a tier from now on, or no longer, or gets a fallback, is the same role in RAM.
    case .arn: old.arn != new.arn && old.arn != nil && new.arn != nil
    case .sessionName: old.sessionName != new.sessionName
    case .policy: old.policy != new.policy
    case .externalID: old.externalID != new.externalID
    case .source: old.source != new.source
    case .tier: old.tier != new.tier
    case .isRequired: old.isRequired != new.isRequired
    case .readers: old.readers != new.readers
    case .outputs: old.outputs != new.outputs
    case .refreshUnits: old.refreshUnits != new.refreshUnits
    case .derivation: old.derivation != new.derivation
    case .duration: old.timing.duration != new.timing.duration
    case .maxDuration: old.timing.maxDuration != new.timing.maxDuration
    case .pool: old.timing.pool != new.timing.pool
    case .refreshAfter: old.timing.refreshAfter != new.timing.refreshAfter
    case .floor: old.timing.floor != new.timing.floor
    case .surviveOutage: old.timing.surviveOutage != new.timing.surviveOutage
    case .lapseMargin: old.timing.lapseMargin != new.timing.lapseMargin
    case .isOfTier: old.timing.isOfTier != new.timing.isOfTier
    }
  }
}

extension RoleSettings {
  /// Compares these settings with `old`, which they replace.
  package func difference(from old: RoleSettings) -> RoleDifference { RoleDifference(from: old, to: self) }

  /// Whether sessions that were fetched for `old` may be handed out under these settings.
  package func keepsSessions(of old: RoleSettings) -> Bool {
    !difference(from: old).consequences.contains(.endsSessions)
  }
}
