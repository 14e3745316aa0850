package import Core

/// All the settings, checked: names are resolved, paths absolute, times proven. Two are equal, their inventories
/// aside, when a reload changes nothing.
package struct DaemonSettings: Hashable, Sendable {
  /// A restart by systemd's own times takes no longer: 90 s for each of stop and start (systemd-system.conf(5)).
  package static let standardUnitJobTimeout = Duration.minutes(5)

  /// Who signs AssumeRole, in the order of the file.
  package var sources: [SourceSettings]
  package var sts: STSSettings
  package var socket: SocketSettings
  /// nil when the daemon serves no other units' credentials.
  package var credentials: CredentialsSettings?
  /// Where each role has its directory: `FILES/ROLE`. Absolute.
  package var filesDirectory: String
  /// How long a unit's job is waited for.
  package var unitJobTimeout = Self.standardUnitJobTimeout
  /// Who may do everything, besides root and the daemon's own user.
  package var admins: AccessRule
  package var logLevel: LogLevel
  /// In the order of the files.
  package var roles: [RoleSettings]
  /// Which file held what.
  package var inventory: SettingsInventory
}

/// `[source.NAME]`.
package struct SourceSettings: Hashable, Sendable {
  package enum KeyLocation: Hashable, Sendable {
    /// A credential that systemd passes to the unit; `path` is nil where none are passed, as outside of the unit.
    case credential(name: String, path: String?)
    /// A file, by its absolute path.
    case file(path: String)
  }

  package var name: String
  package var accessKey: KeyLocation

  package init(name: String, accessKey: KeyLocation) {
    self.name = name
    self.accessKey = accessKey
  }
}

/// `[sts]`.
package struct STSSettings: Hashable, Sendable {
  /// The system's certificates, where Debian has them.
  static let systemsCAFile = "/etc/ssl/certs/ca-certificates.crt"

  package var endpoint: Endpoint
  /// Tried in this order when `endpoint` gives no answer; none is there twice.
  package var fallbackEndpoints: [Endpoint]
  /// nil to go straight to STS.
  package var proxy: ProxySettings?
  /// The certificates to trust, by the file's absolute path; nil for the system's.
  package var caFile: String?
  package var connectTimeout: Duration
  /// The limit for a request to one endpoint, once its name is looked up.
  package var timeout: Duration
  /// The limit for looking up a name: `connectTimeout`, or what this host's resolver needs to reach its second name server.
  package var lookupTimeout: Duration
  package var requestsPerSecond: Double
  package var burst: Int

  /// All of them, in the order in which they are tried.
  package var endpoints: [Endpoint] { [endpoint] + fallbackEndpoints }
  /// The limit for asking one endpoint after the other, each with the look-up of its name.
  package var wholeTimeout: Duration { max(timeout, lookupTimeout + connectTimeout) * endpoints.count }
  /// When an attempt that has had no outcome counts as failed: somewhat later than its requests end by themselves.
  package var attemptLimit: Duration { wholeTimeout + .seconds(5) }
}

/// `proxy` and `proxy_password_file` of `[sts]`.
package struct ProxySettings: Hashable, Sendable {
  package var address: ProxyAddress
  /// By its absolute path; nil when the proxy asks for none.
  package var passwordFile: String?
}

/// `[socket]`.
package struct SocketSettings: Hashable, Sendable {
  /// Absolute, at most 107 bytes.
  package var path: String
  package var mode: UInt32
  /// The group that owns it; nil for the daemon's own.
  package var gid: UInt32?
  package var maxConnections: Int
  package var maxConnectionsPerUID: Int
}

/// `[credentials]`, or what holds where the service manager makes that socket.
package struct CredentialsSettings: Hashable, Sendable {
  /// Absolute, at most 107 bytes.
  package var path: String
  /// How long a unit's start waits for a valid session.
  package var wait: Duration

  package init(path: String, wait: Duration) {
    self.path = path
    self.wait = wait
  }
}
