/// Which session of a role readers get: the one of its ring, or one that is derived from the role: for a task, for a user, for a task of a
/// user, or for some of the hosts that a tier serves.
package struct SessionKey: Hashable, Sendable {
  package let role: RoleName
  /// The name of one `[roles.NAME.scopes.TASK]`; nil for the role's own permissions.
  package let scope: RoleName?
  /// The user that it is for; nil if all readers share it.
  package let uid: UInt32?
  /// The number of the shard, from 0: the other hosts that it is for; nil if it is for readers of this host.
  package let shard: Int?

  package init(role: RoleName, scope: RoleName? = nil, uid: UInt32? = nil, shard: Int? = nil) {
    self.role = role
    self.scope = scope
    self.uid = uid
    self.shard = shard
  }

  /// Whether it isn't the role's ring.
  package var isDerived: Bool { scope != nil || uid != nil || shard != nil }
}
