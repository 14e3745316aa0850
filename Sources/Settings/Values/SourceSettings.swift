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
    /// The RAM role of the ECS instance.
    case instanceRole(InstanceRoleSettings)
    /// An OIDC token, which stands in for a signature.
    case identityToken(IdentityTokenSettings)
    /// What a server hands out at a URL.
    case credentialsURI(CredentialsURISettings)
    /// A RAM secret of KMS, by KMS Agent on this host.
    case kms(KMSSettings)
    /// The sessions themselves, from a tier.
    case upstream(UpstreamSettings)
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

  /// The tier that hands sessions out; nil for another kind of source.
  package var upstream: UpstreamSettings? { if case .upstream(let upstream) = kind { upstream } else { nil } }

  /// The files by which a server knows the daemon; nil if it doesn't.
  package var identityFiles: (certificate: String, key: String)? {
    switch kind {
    case .upstream(let upstream): return (upstream.certificate, upstream.key)
    case .credentialsURI(let uri):
      guard case .https(_, _, .some(let certificate), .some(let key)) = uri.place else { return nil }
      return (certificate, key)
    case .accessKey, .role, .instanceRole, .identityToken, .kms: return nil
    }
  }

  /// The role whose session signs; nil for another kind of source.
  package var role: RoleName? { if case .role(let role) = kind { role } else { nil } }
}

/// The keys of type `ecs-ram-role`.
package struct InstanceRoleSettings: Hashable, Sendable {
  /// Nil to ask the metadata service.
  package var roleName: String?
  /// Whether the service may be asked without a token.
  package var allowsV1: Bool
  /// `http://ADDRESS[:PORT]`.
  package var site: String

  package init(roleName: String?, allowsV1: Bool, site: String) {
    (self.roleName, self.allowsV1, self.site) = (roleName, allowsV1, site)
  }
}

/// The keys of type `oidc`.
package struct IdentityTokenSettings: Hashable, Sendable {
  package var providerARN: String
  /// The absolute path of the file with the token.
  package var tokenFile: String

  package init(providerARN: String, tokenFile: String) {
    (self.providerARN, self.tokenFile) = (providerARN, tokenFile)
  }
}

/// The keys of type `credentials-uri`.
package struct CredentialsURISettings: Hashable, Sendable {
  package enum Place: Hashable, Sendable {
    /// An https URL; `caFile` is nil for the system's certificates. `certificate` and `key` identify the daemon, and are nil together.
    case https(url: String, caFile: String?, certificate: String?, key: String?)
    /// A Unix socket with this absolute path, and the path of the document.
    case socket(String, path: String)
  }

  package var place: Place

  package init(place: Place) { self.place = place }

  /// What is read.
  var files: [String] {
    if case .https(_, let caFile, let certificate, let key) = place {
      [caFile, certificate, key].compactMap(\.self)
    } else {
      []
    }
  }

  /// The server for messages: without the path and query of a URL, which may hold a secret.
  package var server: String {
    switch place {
    case .https(let url, _, _, _): "the server \(url.dropFirst("https://".count).prefix { $0 != "/" && $0 != "?" })"
    case .socket(let path, _): "the server at '\(path)'"
    }
  }
}

/// The keys of type `kms`.
package struct KMSSettings: Hashable, Sendable {
  package var secret: String
  /// The absolute path of the file with the agent's token.
  package var tokenFile: String
  /// `http://ADDRESS:PORT`.
  package var site: String

  package init(secret: String, tokenFile: String, site: String) {
    (self.secret, self.tokenFile, self.site) = (secret, tokenFile, site)
  }
}

/// The values of `type`.
package enum SourceType: String, CaseIterable, Sendable {
  case accessKey = "access-key"
  case role
  case instanceRole = "ecs-ram-role"
  case identityToken = "oidc"
  case credentialsURI = "credentials-uri"
  case kms
  case upstream
}

extension SourceSettings.Kind {
  package var type: SourceType {
    switch self {
    case .accessKey: .accessKey
    case .role: .role
    case .instanceRole: .instanceRole
    case .identityToken: .identityToken
    case .credentialsURI: .credentialsURI
    case .kms: .kms
    case .upstream: .upstream
    }
  }

  /// Whether a session signs, so that AssumeRole is chained.
  var isSession: Bool {
    switch self {
    case .role, .instanceRole, .credentialsURI: true
    case .accessKey, .identityToken, .kms, .upstream: false
    }
  }

  /// What the files of such a source hold, for messages.
  var content: String {
    switch self {
    case .accessKey, .role, .instanceRole: "the AccessKey"
    case .identityToken: "the token"
    case .credentialsURI, .upstream: "a certificate or key"
    case .kms: "the token of KMS Agent"
    }
  }
}
