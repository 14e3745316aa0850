/// The process at the other end of a local connection, as the kernel recorded it at connect time (SO_PEERCRED, SO_PEERGROUPS).
package struct Peer: Hashable, Sendable {
  package let uid: UInt32
  package let gid: UInt32
  /// The process's id in our pid namespace; it may have exited since, and its id been reused.
  package let pid: Int32
  /// The process's supplementary groups; a user's new group is among them only after a new login.
  package let groups: [UInt32]

  package init(uid: UInt32, gid: UInt32, pid: Int32, groups: [UInt32]) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
    self.groups = groups
  }

  /// A peer that the kernel doesn't report by itself, as over TCP. No user has this uid (chown(2) takes it for "unchanged").
  package static let unidentified = Peer(uid: .max, gid: .max, pid: 0, groups: [])
}
