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
  /// A number that is always the same for the same name, on every machine and in every version: it decides on the host's place among
  /// others.
  package let hash: UInt32
  /// Which rules it was judged by.
  fileprivate let epoch: UInt32
  /// What whoever serves the host remembers of it. It outlives a change of the rules.
  package var note: AnyObject?
  /// How many of its requests wait, which whoever serves it counts.
  package var waits = 0

  init(name: String, roles: HostRoles, epoch: UInt32) {
    self.name = name
    self.roles = roles
    self.epoch = epoch
    hash = Self.spread(CRC32C.checksum(of: Array(name.utf8).span))
  }

  /// Names that differ in one digit have checksums that are near each other; this is MurmurHash3's finalizer.
  private static func spread(_ sum: UInt32) -> UInt32 {
    var hash = sum
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    return hash ^ hash >> 16
  }
}

/// Judges hosts by their certificates: reads each certificate once, and remembers by its fingerprint whose it is and which roles it may read.
///
/// What was used lately is kept, up to `most` certificates: a host takes some 250 bytes.
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
    var found = recent[fingerprint]
    if let found, isCurrent(found) { return found }
    found = found ?? older[fingerprint]
    let host = if let found, isCurrent(found) { found } else { try judge(escaped) }
    if let found, found !== host { host.note = found.note }
    if recent.count >= most / 2 { (older, recent) = (recent, [:]) }
    recent[fingerprint] = host
    return host
  }

  private func judge(_ escaped: Span<UInt8>) throws(CertificateProblem) -> RemoteHost {
    try certificate.decode(escaped)
    let names = try certificate.names()
    guard let name = names.name else { throw .noName }
    let rules = known ?? self.rules()
    known = rules
    let roles = rules.filter { rule in rule.hosts.contains { $0.matches(names) } }.map { $0.role }
    let shared = roleSets[roles] ?? HostRoles(roles)
    roleSets[roles] = shared
    return RemoteHost(name: name, roles: shared, epoch: epoch)
  }
}
