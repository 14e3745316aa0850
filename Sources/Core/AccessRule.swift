/// A set of uids, gids and units, of which one has to match; names of users and groups are resolved when the settings are loaded. Other hosts
/// are judged by patterns of their names alone.
package struct AccessRule: Hashable, Sendable {
  package let uids: Set<UInt32>
  package let gids: Set<UInt32>
  /// In the order of the settings.
  package let units: [UnitPattern]
  /// In the order of the settings.
  package let hosts: [HostPattern]

  package init(
    uids: Set<UInt32> = [], gids: Set<UInt32> = [], units: [UnitPattern] = [], hosts: [HostPattern] = []
  ) {
    self.uids = uids
    self.gids = gids
    self.units = units
    self.hosts = hosts
  }

  /// Whether it admits no user, no group, no unit and no host.
  package var isEmpty: Bool { uids.isEmpty && gids.isEmpty && units.isEmpty && hosts.isEmpty }

  package func admits(_ peer: Peer) -> Bool {
    uids.contains(peer.uid) || gids.contains(peer.gid) || peer.groups.contains { gids.contains($0) }
  }

  package func admits(_ unit: UnitName) -> Bool { units.contains { $0.matches(unit) } }
}

/// The access policy: whatever isn't allowed here is denied.
package struct AccessPolicy: Sendable {
  /// The user the daemon runs as.
  package let ownUID: UInt32
  package let admins: AccessRule
  /// The user of the proxy that passes other hosts' requests on (`fleet.trusted_proxy`); nil for none.
  package let proxyUID: UInt32?

  package init(ownUID: UInt32, admins: AccessRule, proxyUID: UInt32? = nil) {
    self.ownUID = ownUID
    self.admins = admins
    self.proxyUID = proxyUID
  }

  /// Whether `peer` passes other hosts' requests on. It has no rights of its own, whatever groups it is in.
  package func isProxy(_ peer: Peer) -> Bool { peer.uid == proxyUID }

  /// Whether `peer` is root, the daemon's own user or an admin by the settings.
  package func isAdmin(_ peer: Peer) -> Bool {
    !isProxy(peer) && (peer.uid == 0 || peer.uid == ownUID || admins.admits(peer))
  }

  /// Whether `peer` may read a role whose `allow` is `rule`. `unit` is the system unit that runs its process; it is asked for only where the
  /// answer depends on it.
  package func mayRead(_ peer: Peer, of unit: @autoclosure () -> UnitName?, role rule: AccessRule) -> Bool {
    if isProxy(peer) { return false }
    if isAdmin(peer) || rule.admits(peer) { return true }
    return !rule.units.isEmpty && unit().map(rule.admits) ?? false
  }
}
