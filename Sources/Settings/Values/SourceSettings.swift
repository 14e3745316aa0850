package import Core

/// `[source.NAME]`.
package struct SourceSettings: Hashable, Sendable {
  package enum KeyLocation: Hashable, Sendable {
    /// A credential that systemd passes to the unit; `path` is nil if none is passed, as outside the unit.
    case credential(name: String, path: String?)
    /// A file with this absolute path.
    case file(path: String)
  }

  /// What signs, by `type`.
  package enum Kind: Hashable, Sendable {
    /// The AccessKey of a RAM user.
    case accessKey(KeyLocation)
    /// The session of a role that the daemon keeps.
    case role(RoleName)
  }

  package var name: String
  package var kind: Kind

  package init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }

  package init(name: String, accessKey: KeyLocation) { self.init(name: name, kind: .accessKey(accessKey)) }

  /// Where the AccessKey is; nil for another kind of source.
  package var accessKey: KeyLocation? { if case .accessKey(let location) = kind { location } else { nil } }

  /// The role whose session signs; nil for another kind of source.
  package var role: RoleName? { if case .role(let role) = kind { role } else { nil } }
}

/// The values of `type`.
package enum SourceType: String, CaseIterable, Sendable {
  case accessKey = "access-key"
  case role
}

extension SourceSettings.Kind {
  package var type: SourceType {
    switch self {
    case .accessKey: .accessKey
    case .role: .role
    }
  }

  /// What a file of such a source holds.
  var content: String {
    switch self {
    case .accessKey, .role: "the AccessKey"
    }
  }
}
