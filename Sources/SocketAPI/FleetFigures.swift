import Core
import Refresh
import Systemd
package import Wire

/// What became of other hosts' requests since the daemon started.
struct FleetFigures {
  /// How a request for a bundle was answered.
  enum Result: String, CaseIterable {
    case bundle
    /// The host has the bundle already.
    case unchanged
    /// None of the host's roles has a session.
    case noSession = "no_session"
  }

  enum Refusal: String, CaseIterable {
    /// The host may not read the role, or none.
    case noRole = "no_role"
    /// The certificate can't be read, or names no host.
    case certificate
    /// A request of the proxy without a certificate.
    case noCertificate = "no_certificate"
    /// A certificate from another user than the proxy.
    case notProxy = "not_proxy"
  }

  private(set) var answers: [Result: UInt64] = [:]
  private(set) var refusals: [Refusal: UInt64] = [:]
  /// When the proxy's latest request came.
  var proxySeen: Timestamp?

  init() {}

  mutating func count(_ result: Result) { answers[result, default: 0] += 1 }
  mutating func count(_ refusal: Refusal) { refusals[refusal, default: 0] += 1 }
}

extension SocketService {
  /// The hosts that this machine serves; nil without `[fleet]`. `open` of `most` connections are taken.
  package func fleetStatus(connections open: Int, of most: Int) -> FleetStatus? {
    guard let uid = access.proxyUID else { return nil }
    let now = scheduler.time
    let hosts = bundles.recentHosts
    return FleetStatus(
      hosts: hosts.served, refused: hosts.refused, waiting: bundles.waitingHosts, proxy: callers.name(uid),
      proxyUID: uid, proxySeen: bundles.figures.proxySeen.map { (at: refresher.clock.calendar(at: $0), ago: now - $0) },
      connections: open, mostConnections: most, refusedConnections: shortage.count(at: now))
  }
}

/// Connections that were refused of late because all were taken.
struct ConnectionShortage {
  /// After so long without another one it is over.
  static let span = Duration.minutes(1)

  private var count = 0
  private var latest: Timestamp?

  /// True if this is the first one of a shortage.
  mutating func note(at now: Timestamp) -> Bool {
    let isFirst = count(at: now) == 0
    count = isFirst ? 1 : count + 1
    latest = now
    return isFirst
  }

  /// How many there were in this shortage; 0 if there is none.
  func count(at now: Timestamp) -> Int { latest.map { now - $0 < Self.span } == true ? count : 0 }
}
