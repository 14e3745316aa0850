import CloudAPI
import Core
import Glibc
import HTTPClient
import Logs
import Secrets
package import Settings
import Systemd

/// What reaches out of the daemon to sign and to call STS; replaced as a whole when the settings it was made from change.
struct Edges {
  let sources: [String: AccessKeySource]
  let sts: STSClient
  let identities: IdentityClient
  let ledger: EndpointLedger
  let authorities: AuthoritiesWatch
  private let http: HTTPClient
  private let httpSettings: HTTPClient.Settings
  private let proxyPassword: Secret?

  /// Builds what `settings` ask for, keeping from `old` what they ask for still. Throws a sentence for what can't be had.
  init(_ settings: DaemonSettings, keeping old: Edges?, keeper: Keeper) throws {
    let switches = AccessKeySource.switches(to: settings.roles, from: keeper.refresher.roles.mapValues(\.settings))
    sources = try Self.sources(settings.sources, keeping: old, switches: switches, keeper: keeper)
    let wanted = HTTPClient.Settings(settings.sts)
    proxyPassword = try settings.sts.proxy?.passwordFile.map { try ProxyPassword.read($0) }
    if let old, old.httpSettings == wanted, Self.areSame(old.proxyPassword, proxyPassword) {
      http = old.http
      authorities = old.authorities
      try http.takeUpAuthorities()
    } else {
      http = try HTTPClient(keeper.loop, settings: wanted, proxyPassword: proxyPassword)
      try http.prime()
      authorities = try AuthoritiesWatch(of: http, path: wanted.caFile, scheduler: keeper.loop, log: keeper.log) {
        [unowned keeper] in keeper.announcer?.stateChanged()
      }
    }
    httpSettings = wanted
    if let old, old.ledger.endpoints == settings.sts.endpoints {
      ledger = old.ledger
    } else {
      ledger = EndpointLedger(settings.sts.endpoints, keeping: old?.ledger, log: keeper.log)
    }
    let serverTime = { [unowned keeper] in keeper.refresher.clock.dateForSigning(at: keeper.loop.time) }
    sts = STSClient(
      scheduler: keeper.loop, http: http, ledger: ledger, hostName: SystemHost().name,
      sources: sources, serverTime: serverTime)
    identities = IdentityClient(
      scheduler: keeper.loop, http: http, ledger: ledger, serverTime: serverTime)
    identities.ended = { [unowned keeper] in keeper.refresher.pump() }
  }

  private static func sources(
    _ wanted: [SourceSettings], keeping old: Edges?, switches: [String: String], keeper: Keeper
  ) throws -> [String: AccessKeySource] {
    let places = try wanted.map { (name: $0.name, location: try AccessKeySource.Location($0)) }
    return try AccessKeySource.sources(at: places, keeping: old?.sources ?? [:], switches: switches) {
      name, location, predecessor in
      let source = try AccessKeySource(
        name: name, at: location, succeeding: predecessor, mayLackKey: old == nil, loop: keeper.loop,
        log: keeper.log)
      source.changed = { [unowned keeper] in keeper.refresher.sourceChanged(name) }
      source.acceptedAgain = { [unowned keeper] in keeper.refresher.keyAcceptedAgain(name) }
      source.stateChanged = { [unowned keeper] in keeper.announcer?.stateChanged() }
      // By the connections in force then, which a reload may replace.
      source.ask = { [unowned keeper] key, completion in
        keeper.edges.identities.ask(SigningIdentity(key), completion: completion)
      }
      return source
    }
  }

  /// Has each source that was made in place of another one take that one's place. To be called once these connections are in force.
  func takeOver() {
    for source in sources.values { source.takeOver() }
  }

  private static func areSame(_ one: Secret?, _ other: Secret?) -> Bool {
    switch (one, other) {
    case (nil, nil): true
    case (.some(let one), .some(let other)): one.hasSameBytes(as: other)
    default: false
    }
  }
}

extension AccessKeySource.Location {
  /// Throws where the settings name a systemd credential and the process was given none.
  package init(_ settings: SourceSettings) throws {
    switch settings.accessKey {
    case .file(let path): self = .file(path)
    case .credential(_, .some(let path)): self = .credential(path)
    case .credential(let name, nil): throw CredentialMissing(source: settings.name, name: name)
    }
  }
}

/// A systemd credential that isn't there since the process isn't run by its unit.
package struct CredentialMissing: Error, CustomStringConvertible {
  let source: String
  let name: String

  package var description: String {
    "source '\(source)': there is no systemd credential '\(name)'; run as the unit, whose LoadCredential= names it, or write file = \"/path\""
  }
}

extension HTTPClient.Settings {
  init(_ sts: STSSettings) {
    self.init(connectTimeout: sts.connectTimeout, timeout: sts.timeout, lookupTimeout: sts.lookupTimeout)
    if let file = sts.caFile { caFile = file }
    proxy = sts.proxy.map { HTTPClient.Proxy(url: $0.address.url, user: $0.address.user) }
  }
}
