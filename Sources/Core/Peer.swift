/// Who is at the other end of a local connection, by the kernel's word at the time it was made (SO_PEERCRED, SO_PEERGROUPS).
package struct Peer: Hashable, Sendable {
  package let uid: UInt32
  package let gid: UInt32
  /// Of the process that connected, as seen from our pid namespace; it may be gone and its number another's.
  package let pid: Int32
  /// The supplementary groups; a group joined later needs a new login to be here.
  package let groups: [UInt32]

  package init(uid: UInt32, gid: UInt32, pid: Int32, groups: [UInt32]) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
    self.groups = groups
  }
}
