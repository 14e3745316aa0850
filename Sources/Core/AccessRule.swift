/// A set of uids, gids and units, of which one has to match; names of users and groups are resolved when the settings are loaded.
package struct AccessRule: Hashable, Sendable {
  package let uids: Set<UInt32>
  package let gids: Set<UInt32>
  /// In the order of the settings.
  package let units: [UnitPattern]

  package init(uids: Set<UInt32> = [], gids: Set<UInt32> = [], units: [UnitPattern] = []) {
    self.uids = uids
    self.gids = gids
    self.units = units
  }

  /// Whether it admits no user, no group and no unit.
  package var isEmpty: Bool { uids.isEmpty && gids.isEmpty && units.isEmpty }

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

  package init(ownUID: UInt32, admins: AccessRule) {
    self.ownUID = ownUID
    self.admins = admins
  }

  /// Whether `peer` is root, the daemon's own user or an admin by the settings.
  package func isAdmin(_ peer: Peer) -> Bool {
    peer.uid == 0 || peer.uid == ownUID || admins.admits(peer)
  }

  /// Whether `peer` may read a role whose `allow` is `rule`. `unit` is the system unit that runs its process; it is asked for only where the
  /// answer depends on it.
  package func mayRead(_ peer: Peer, of unit: @autoclosure () -> UnitName?, role rule: AccessRule) -> Bool {
    if isAdmin(peer) || rule.admits(peer) { return true }
    return !rule.units.isEmpty && unit().map(rule.admits) ?? false
  }
}
