package import Core

/// `[roles.NAME]`.
package struct RoleSettings: Hashable, Sendable {
  package var name: RoleName
  /// Nil for a role of a tier that is never fetched from STS.
  package var arn: RoleARN?
  package var timing: RoleTiming
  package var sessionName: SessionNameTemplate
  /// The session policy as it is sent: minified JSON of less than 2048 bytes; nil if the role's permissions aren't
  /// restricted.
  package var policy: [UInt8]?
  package var externalID: String?
  /// The name of the source in `DaemonSettings.sources`.
  package var source: String
  /// Whether a start isn't over before the role has a credential.
  package var isRequired: Bool
  /// Who may read it, besides root, the daemon's own user and the admins.
  package var readers: AccessRule
  package var outputs: [OutputSettings]
  /// The services to reload after each rotation; none matches the daemon's own unit.
  package var refreshUnits: [UnitPattern]
  /// What it has as a role of a tier; nil if its sessions come from STS.
  package var tier: TierRole?
  /// The sessions that are derived from it.
  package var derivation = Derivation.none

  package init(
    name: RoleName, arn: RoleARN?, timing: RoleTiming, sessionName: SessionNameTemplate, policy: [UInt8]?,
    externalID: String?, source: String, isRequired: Bool = false, readers: AccessRule, outputs: [OutputSettings],
    refreshUnits: [UnitPattern] = []
  ) {
    self.name = name
    self.arn = arn
    self.timing = timing
    self.sessionName = sessionName
    self.policy = policy
    self.externalID = externalID
    self.source = source
    self.isRequired = isRequired
    self.readers = readers
    self.outputs = outputs
    self.refreshUnits = refreshUnits
  }
}

extension RoleSettings {
  /// As it is fetched from STS while its tier is away; nil if it isn't.
  package var fallback: RoleSettings? {
    guard let way = tier?.fallback else { return nil }
    var role = self
    role.source = way.source
    role.timing.duration = way.duration
    role.timing.maxDuration = way.duration
    return role
  }

  /// Whether this is such a `fallback`.
  package var isFallback: Bool { tier?.fallback?.source == source }
}

/// `[[roles.NAME.files]]`.
extension RoleSettings {
  /// The template of the role's files, if there is exactly one: units that load a template get this one.
  package var onlyTemplate: CredentialTemplate? {
    let templates = Set(
      outputs.compactMap { output in
        if case .template(let template) = output.format { template } else { nil }
      })
    return templates.count == 1 ? templates.first : nil
  }
}

package struct OutputSettings: Hashable, Sendable {
  package enum Location: Hashable, Sendable {
    /// A file name in the role's directory, where all files of the role switch together.
    case roleDirectory(name: String)
    /// An absolute path outside the role's directory.
    case elsewhere(path: String)

    /// The path as the settings write it.
    var written: String {
      switch self {
      case .roleDirectory(let name): name
      case .elsewhere(let path): path
      }
    }
  }

  package var location: Location
  package var format: OutputFormat
  package var uid: UInt32
  package var gid: UInt32
  package var mode: UInt32
}
