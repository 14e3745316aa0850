/// Who is calling, as the kernel says it.
package struct Caller: Hashable, Sendable {
  package let uid: UInt32
  package let gid: UInt32
  /// The supplementary groups it had when it connected.
  package let groups: [UInt32]

  package init(uid: UInt32, gid: UInt32, groups: [UInt32]) {
    self.uid = uid
    self.gid = gid
    self.groups = groups
  }
}

/// A set of users and groups, by number: names are resolved when the settings are loaded.
package struct AccessRule: Hashable, Sendable {
  package let uids: Set<UInt32>
  package let gids: Set<UInt32>

  package init(uids: Set<UInt32> = [], gids: Set<UInt32> = []) {
    self.uids = uids
    self.gids = gids
  }

  /// Whether it admits nobody.
  package var isEmpty: Bool { uids.isEmpty && gids.isEmpty }

  package func admits(_ caller: Caller) -> Bool {
    uids.contains(caller.uid) || gids.contains(caller.gid) || caller.groups.contains { gids.contains($0) }
  }
}

/// Who may do what: everything is denied that isn't allowed here.
package struct AccessPolicy: Sendable {
  /// The user the daemon runs as.
  package let ownUID: UInt32
  package let admins: AccessRule

  package init(ownUID: UInt32, admins: AccessRule) {
    self.ownUID = ownUID
    self.admins = admins
  }

  /// Root, the daemon's own user and the admins of the settings.
  package func isAdmin(_ caller: Caller) -> Bool {
    caller.uid == 0 || caller.uid == ownUID || admins.admits(caller)
  }

  /// Whether `caller` may read a role whose `allow` is `rule`.
  package func mayRead(_ caller: Caller, role rule: AccessRule) -> Bool { isAdmin(caller) || rule.admits(caller) }
}
