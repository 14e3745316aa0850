package import Core

/// The roles that some hosts may read; hosts with the same roles have the same object.
package final class HostRoles {
  /// In their order.
  package let names: [RoleName]
  /// For whoever serves these hosts: which of the roles divide hosts into shards, by their places in `names`; nil while that isn't known.
  package var sharded: [Int]?

  init(_ names: [RoleName]) { self.names = names }
}

/// A host that the proxy vouches for.
package final class RemoteHost {
  package let name: String
  package let roles: HostRoles
  /// Its `HostNumber`.
  package let hash: UInt32
  /// Which rules it was judged by.
  fileprivate let epoch: UInt32
  /// The minute in which it asked last; nil if it is new.
  fileprivate var minute: UInt32?
  /// What whoever serves the host remembers of it. It outlives a change of the rules.
  package var note: AnyObject?
  /// How many of its requests wait, which whoever serves it counts.
  package var waits = 0

  init(name: String, roles: HostRoles, epoch: UInt32) {
    self.name = name
    self.roles = roles
    self.epoch = epoch
    hash = HostNumber.of(name)
  }
}

/// Judges hosts by their certificates: reads each certificate once, and remembers by its fingerprint whose it is and which roles it may read.
///
/// What was used lately is kept, up to `most` certificates: a host takes some 250 bytes. When the rules change, each is judged again at its next
/// request.
package final class HostIdentities {
  /// A role, and which hosts may read it.
  package typealias Rule = (role: RoleName, hosts: [HostPattern])

  private let most: Int
  private let rules: () -> [Rule]
  /// Nil until they are needed.
  private var known: [Rule]?
  private var epoch: UInt32 = 0
  private var certificate = Certificate()
  /// Those that were used since `older` was filled.
  private var recent: [Certificate.Fingerprint: RemoteHost] = [:]
  private var older: [Certificate.Fingerprint: RemoteHost] = [:]
  private var roleSets: [[RoleName]: HostRoles] = [:]
  /// Those with roles and those without, which asked of late. A certificate that isn't remembered any more counts again.
  private var served = RecentHosts()
  private var refused = RecentHosts()

  /// How many certificates are remembered.
  package var count: Int { recent.count + older.count { recent[$0.key] == nil } }

  /// `rules` is called when they are needed for the first time, and after each `forget`; it returns roles in the order of their names.
  package init(most: Int = 262_144, rules: @escaping () -> [Rule]) {
    self.most = most
    self.rules = rules
  }

  /// The rules have changed, or the roles: each host is judged again with its next request.
  package func forget() {
    known = nil
    epoch &+= 1
    roleSets = [:]
  }

  /// Whether the host was judged by the rules that count now.
  package func isCurrent(_ host: RemoteHost) -> Bool { host.epoch == epoch }

  /// The host of a certificate, percent-encoded PEM as the proxy passes it on.
  package func host(of escaped: Span<UInt8>) throws(CertificateProblem) -> RemoteHost {
    let fingerprint = Certificate.Fingerprint(of: escaped)
    let found = recent[fingerprint]
    if let found, isCurrent(found) { return found }
    let host = try judged(escaped, after: found ?? older[fingerprint])
    if recent.count >= most / 2 { (older, recent) = (recent, [:]) }
    recent[fingerprint] = host
    return host
  }

  /// How many hosts asked in the last `RecentHosts.minutes` and may read a role, and how many may read none, by their certificates.
  package func recentHosts(at now: Timestamp) -> (served: Int, refused: Int) {
    (served.count(at: Self.minute(now)), refused.count(at: Self.minute(now)))
  }

  /// Counts a host that asks now.
  package func note(_ host: RemoteHost, at now: Timestamp) {
    let minute = Self.minute(now)
    if host.minute == minute { return }
    if host.roles.names.isEmpty {
      refused.note(from: host.minute, to: minute)
    } else {
      served.note(from: host.minute, to: minute)
    }
    host.minute = minute
  }

  private static func minute(_ instant: Timestamp) -> UInt32 {
    UInt32(clamping: instant.microseconds / 60_000_000)
  }

  /// `before` is what was known of the host.
  private func judged(_ escaped: Span<UInt8>, after before: RemoteHost?) throws(CertificateProblem) -> RemoteHost {
    if let before, isCurrent(before) { return before }
    try certificate.decode(escaped)
    let names = try certificate.names()
    guard let name = names.name else { throw .noName }
    let rules = known ?? self.rules()
    known = rules
    let roles = rules.filter { rule in rule.hosts.contains { $0.matches(names) } }.map { $0.role }
    let shared = roleSets[roles] ?? HostRoles(roles)
    roleSets[roles] = shared
    let host = RemoteHost(name: name, roles: shared, epoch: epoch)
    host.note = before?.note
    guard let minute = before?.minute, let before else { return host }
    if before.roles.names.isEmpty == roles.isEmpty {
      host.minute = minute
    } else if roles.isEmpty {
      served.forget(minute)
    } else {
      refused.forget(minute)
    }
    return host
  }
}
