package import Core
import HTTPClient
package import Identities
package import Logs
package import Refresh
import Secrets
package import Settings
package import Systemd

/// The daemon's connections to STS; replaced as a whole when the settings that they were made from change.
package struct CloudConnections {
  /// Issues all roles' sessions: STS, or a tier where a role has one.
  package let issuer: any SessionIssuer
  package let identities: IdentityClient
  package let endpointHealth: EndpointHealth
  package let authorities: AuthoritiesWatch
  private let http: HTTPClient
  private let httpSettings: HTTPClient.Settings
  private let proxyPassword: Secret?

  /// Creates the connections for `settings`, keeping from `old` what hasn't changed. Throws a sentence if that isn't possible.
  ///
  /// `holding` is what a tier's role holds. `sources` sign, by `serverTime`; `authoritiesChanged` is called when `authorities.problem` may have changed. With
  /// `mayLackAuthorities`, a new connection whose CA file can't be used is created all the same, and its requests fail until the file
  /// can be used.
  package init(
    _ settings: STSSettings, sources: [String: any CredentialSource], keeping old: CloudConnections?,
    mayLackAuthorities: Bool, loop: EventLoop, log: Log, serverTime: @escaping () -> UTCTime,
    authoritiesChanged: @escaping () -> Void, holding: @escaping (RoleName) -> TierIssuer.Holding?
  ) throws {
    let wanted = HTTPClient.Settings(settings)
    proxyPassword = try settings.proxy?.passwordFile.map { try ProxyPassword.read($0) }
    if let old, old.httpSettings == wanted, Self.areSame(old.proxyPassword, proxyPassword) {
      http = old.http
      authorities = old.authorities
      try http.takeUpAuthorities()
    } else {
      http = try HTTPClient(loop, settings: wanted, proxyPassword: proxyPassword)
      authorities = try AuthoritiesWatch(
        of: http, path: wanted.caFile, scheduler: loop, log: log, changed: authoritiesChanged)
      if mayLackAuthorities { http.primeOrReport() } else { try http.prime() }
    }
    httpSettings = wanted
    let areRegions = settings.regions.count > 1
    if let old, old.endpointHealth.endpoints == settings.endpoints, old.endpointHealth.areRegions == areRegions {
      endpointHealth = old.endpointHealth
    } else {
      endpointHealth = EndpointHealth(
        settings.endpoints, areRegions: areRegions, keeping: old?.endpointHealth, log: log)
    }
    let hostName = SystemHost().name
    let sts = STSClient(
      scheduler: loop, http: http, endpointHealth: endpointHealth, hostName: hostName,
      isInFleet: settings.fleetSize > 1, sources: sources, serverTime: serverTime)
    let tiers = sources.compactMapValues { $0 as? UpstreamSource }
    issuer =
      tiers.isEmpty
      ? sts
      : TierIssuer(
        sts: sts, tiers: tiers, keeping: old?.issuer as? TierIssuer, hostName: hostName, scheduler: loop, log: log,
        holding: holding)
    identities = IdentityClient(scheduler: loop, http: http, endpointHealth: endpointHealth, serverTime: serverTime)
  }

  /// From now on `guide` chooses the regions, if there are several.
  package func use(_ guide: any RegionGuide) { endpointHealth.guide = guide }

  /// The regions in the host's order, by their endpoints; empty if there is only one.
  package var regions: [String] { endpointHealth.areRegions ? endpointHealth.texts : [] }

  private static func areSame(_ one: Secret?, _ other: Secret?) -> Bool {
    switch (one, other) {
    case (nil, nil): true
    case (.some(let one), .some(let other)): one.hasSameBytes(as: other)
    default: false
    }
  }
}

extension HTTPClient.Settings {
  init(_ sts: STSSettings) {
    self.init(connectTimeout: sts.connectTimeout, timeout: sts.timeout, lookupTimeout: sts.lookupTimeout)
    if let file = sts.caFile { caFile = file }
    proxy = sts.proxy.map { HTTPClient.Proxy(url: $0.address.url, user: $0.address.user) }
  }
}
