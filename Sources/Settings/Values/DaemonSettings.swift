package import Core

/// All settings after validation: names are resolved, paths are absolute, times are proven to work. If two are equal
/// except for their inventories, a reload changes nothing.
package struct DaemonSettings: Hashable, Sendable {
  /// A restart by systemd's own times takes no longer: 90 s for each of stop and start (systemd-system.conf(5)).
  package static let standardUnitJobTimeout = Duration.minutes(5)

  /// Who signs AssumeRole, in the order of the file.
  package var sources: [SourceSettings]
  package var sts: STSSettings
  package var socket: SocketSettings
  /// Nil if the daemon serves no credentials of other units.
  package var credentials: CredentialsSettings?
  /// Nil if there is no loopback URI.
  package var loopback: LoopbackSettings?
  /// Nil if this machine serves no other hosts.
  package var fleet: FleetSettings?
  /// The absolute path of the directory in which each role has its own directory.
  package var filesDirectory: String
  /// How long a unit's job is waited for.
  package var unitJobTimeout = Self.standardUnitJobTimeout
  /// Who may do everything, besides root and the daemon's own user.
  package var admins: AccessRule
  package var logLevel: LogLevel
  /// In the order of the files.
  package var roles: [RoleSettings]
  /// Which file contains what.
  package var inventory: SettingsInventory

  /// Whether every role comes from a tier, and none falls back to STS.
  package var needsTiersAlone: Bool {
    !roles.isEmpty && roles.allSatisfy { role in role.tier.map { $0.fallback == nil } ?? false }
  }

  /// The sources that sign only while a tier is away.
  package var standbySources: Set<String> {
    Set(sources.compactMap { $0.upstream?.fallback?.source }).subtracting(roles.map(\.source))
  }

  /// When an attempt without an outcome counts as failed, at STS or at a tier with all its machines.
  package var attemptLimit: Duration {
    let machines = sources.compactMap { $0.upstream?.urls.count }.max() ?? 0
    return max(sts.attemptLimit, sts.timeout(ofPlaces: machines) + .seconds(5))
  }
}

/// `[sts]`.
package struct STSSettings: Hashable, Sendable {
  /// The path of the system's CA certificates in Debian.
  static let systemsCAFile = "/etc/ssl/certs/ca-certificates.crt"

  /// The one that is asked first: with `regions` that of the home region.
  package var endpoint: Endpoint
  /// Tried in this order if `endpoint` doesn't answer; without duplicates, and empty with `regions`.
  package var fallbackEndpoints: [Endpoint]
  /// Nil if STS is reached directly.
  package var proxy: ProxySettings?
  /// The absolute path of the CA certificates to trust; nil for the system's.
  package var caFile: String?
  package var connectTimeout: Duration
  /// The limit for a request to one endpoint after its name has been looked up.
  package var timeout: Duration
  /// The limit for looking up a name: `connectTimeout`, or the time that this host's resolver needs to reach its second
  /// name server.
  package var lookupTimeout: Duration
  package var requestsPerSecond: Double
  package var burst: Int
  /// In this host's order, the home region first; empty if `endpoint` and `fallbackEndpoints` are asked. Without duplicates.
  package var regions: [Region] = []
  /// Whether the regions are asked at their endpoints inside a VPC.
  package var isVPC = false
  /// How many hosts share the account's quota, this one included.
  package var fleetSize = 1

  /// The most regions that one call asks, since each may take all of its timeouts, and a role's outage is as long: the next call
  /// begins with another one.
  package static let mostRegionsOfCall = 3

  /// All endpoints in the order in which they are tried.
  package var endpoints: [Endpoint] {
    regions.isEmpty ? [endpoint] + fallbackEndpoints : regions.map { Self.endpoint(in: $0, isVPC: isVPC) }
  }
  /// How many endpoints a call tries before it fails.
  private var tries: Int { regions.isEmpty ? endpoints.count : min(regions.count, Self.mostRegionsOfCall) }
  /// The limit for trying all endpoints that a call tries, including the look-ups of their names.
  package var wholeTimeout: Duration { timeout(ofPlaces: tries) }
  /// The limit for trying so many servers, one after the other: of STS or of a tier.
  package func timeout(ofPlaces count: Int) -> Duration { max(timeout, lookupTimeout + connectTimeout) * count }
  /// When an attempt without an outcome counts as failed: a little later than its requests would end by themselves.
  package var attemptLimit: Duration { wholeTimeout + .seconds(5) }
}

/// `proxy` and `proxy_password_file` of `[sts]`.
package struct ProxySettings: Hashable, Sendable {
  package var address: ProxyAddress
  /// The absolute path of its file; nil if the proxy requires none.
  package var passwordFile: String?
}

/// `[socket]`.
package struct SocketSettings: Hashable, Sendable {
  /// Absolute, at most 107 bytes.
  package var path: String
  package var mode: UInt32
  /// The group that owns the socket; nil for the daemon's own.
  package var gid: UInt32?
  package var maxConnections: Int
  package var maxConnectionsPerUID: Int
}

/// `[credentials]`, or the defaults if the service manager creates that socket.
package struct CredentialsSettings: Hashable, Sendable {
  /// Absolute, at most 107 bytes.
  package var path: String
  /// How long the start of a unit waits for a valid session.
  package var wait: Duration

  package init(path: String, wait: Duration) {
    self.path = path
    self.wait = wait
  }
}

/// `[fleet]`.
package struct FleetSettings: Hashable, Sendable {
  /// The user of the proxy that passes other hosts' requests on; never root, nor a user who has a role.
  package var trustedProxy: UInt32
  /// The name of this machine, as hosts see it.
  package var tier: String

  package init(trustedProxy: UInt32, tier: String) {
    self.trustedProxy = trustedProxy
    self.tier = tier
  }
}

/// `[loopback]`.
package struct LoopbackSettings: Hashable, Sendable {
  package static let mostAddresses = 4

  /// At least one, in the order of the settings, without duplicates.
  package var addresses: [LoopbackAddress]

  package init(addresses: [LoopbackAddress]) { self.addresses = addresses }
}
