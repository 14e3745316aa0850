import CLinux
package import Core
import Glibc

/// Determines the peer of a connection. The kernel reports it (SO_PEERCRED and SO_PEERGROUPS, unix(7)), never the peer itself.
package struct PeerReader {
  /// The result of accepting one connection.
  package enum Accepted {
    /// The caller owns the descriptor, which is close-on-exec and non-blocking.
    case connection(CInt, Peer)
    /// There was none, or its client has left already.
    case nothing
    /// The errno of a failure that leaves the connection in the queue: descriptors or memory have run out (accept(2)).
    case failed(CInt)
  }

  /// The buffer for a peer's groups, which grows when a peer is in more.
  private var room = [UInt32](repeating: 0, count: 64)
  /// The groups of the last peer, since the next one is often the same user's.
  private var lastGroups: [UInt32] = []

  package init() {}

  /// Nil if the kernel doesn't report it.
  package mutating func peer(of descriptor: CInt) -> Peer? {
    var found = clinux_peer()
    let failure = room.withUnsafeMutableBufferPointer { clinux_peer_of(descriptor, &found, $0.baseAddress, $0.count) }
    return failure < 0 ? nil : finish(&found, descriptor)
  }

  mutating func accept(from listener: CInt) -> Accepted {
    var found = clinux_peer()
    let descriptor = room.withUnsafeMutableBufferPointer { clinux_accept(listener, &found, $0.baseAddress, $0.count) }
    if descriptor >= 0 {
      if let peer = finish(&found, descriptor) { return .connection(descriptor, peer) }
      close(descriptor)
      return .nothing
    }
    switch -descriptor {
    case EAGAIN, EINTR, ECONNABORTED: return .nothing
    default: return .failed(-descriptor)
    }
  }

  /// Repeats the call while the peer is in more groups than the buffer has room for.
  private mutating func finish(_ found: inout clinux_peer, _ descriptor: CInt) -> Peer? {
    while found.group_count > room.count {
      room = [UInt32](repeating: 0, count: found.group_count)
      let failure = room.withUnsafeMutableBufferPointer { clinux_peer_of(descriptor, &found, $0.baseAddress, $0.count) }
      if failure < 0 { return nil }
    }
    let groups = room.prefix(found.group_count)
    if !lastGroups.elementsEqual(groups) { lastGroups = Array(groups) }
    return Peer(uid: found.uid, gid: found.gid, pid: found.pid, groups: lastGroups)
  }
}
