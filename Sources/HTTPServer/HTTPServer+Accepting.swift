import CLinux
import Core
import Glibc
import LocalSockets

/// New connections: their peers, the limits, and their slots.
extension HTTPServer {
  /// `isSure` if epoll has reported that a connection waits.
  func acceptBatch(isSure: Bool = false) {
    requestsAtAccept = statistics.requests
    if acceptsLeft == 0 || acceptor.isPaused { return }
    var isThere = isSure || listener.hasConnection
    while isThere, acceptsLeft > 0, !isTurnOver {
      acceptsLeft -= 1
      if let (descriptor, peer) = acceptor.accept() {
        statistics.accepted += 1
        acceptFlood.note(peer.uid, peer.pid)
        admit(descriptor, peer)
        if epoll < 0 { return }
      } else if acceptor.isPaused {
        statistics.acceptPauses += 1
        return
      }
      isThere = listener.hasConnection
    }
    guard isThere else {
      acceptShare = HTTPServer.requestsPerVisit
      acceptFlood = AcceptFlood()
      return
    }
    acceptShare = min(HTTPServer.largestAcceptShare, acceptShare * 2)
    guard acceptFlood.count >= HTTPServer.largestAcceptShare else { return }
    let leader = acceptFlood.leader
    acceptFlood = AcceptFlood()
    if let (uid, pid) = leader { handler.acceptFlood(by: uid, pid) }
  }

  /// Finds the user with most of the connections (Boyer and Moore's majority vote) since the listener's queue was last empty.
  struct AcceptFlood {
    private(set) var count = 0
    private var candidate: (uid: UInt32, pid: Int32) = (0, 0)
    private var lead = 0

    mutating func note(_ uid: UInt32, _ pid: Int32) {
      count += 1
      if lead == 0 { candidate = (uid, pid) }
      lead += uid == candidate.uid ? 1 : -1
    }

    /// The user that opened more than half of these connections, with one of its processes; nil if none is known to have done so. A
    /// user that opened more than three quarters of them is always found.
    var leader: (uid: UInt32, pid: Int32)? { lead * 2 > count ? candidate : nil }
  }

  private func admit(_ descriptor: CInt, _ accepted: Peer) {
    let peer = identified(descriptor, accepted)
    let refusal = refusal(for: peer)
    // The request of a client that has left may have stopped the server.
    if epoll < 0 {
      close(descriptor)
      return
    }
    switch refusal {
    case .userConnections?: return reject(descriptor, peer, .userConnections, ProblemAnswer.tooManyOfUser)
    case let reason?: return reject(descriptor, peer, reason, ProblemAnswer.tooMany)
    case nil: break
    }
    let connection = occupy(descriptor, peer)
    connection.isCounted = true
    hangUps.setOpen(Int(connection.slot), descriptor, of: peer.uid)
    openByUID[peer.uid, default: 0] += 1
    statistics.open += 1
    setDeadline(connection, .head)
    // The request has usually arrived already, and reading it now saves a turn of the loop.
    if hasToQueue(peer.uid) { enqueue(connection) } else { receive(connection) }
  }

  /// The peer with its user, if the listener doesn't know its peers by itself and unidentified ones have the connections of one user.
  ///
  /// A question for each connection would take as long as a third of a request. So one user alone can take twice the connections that a
  /// user may have, and no more.
  private func identified(_ descriptor: CInt, _ peer: Peer) -> Peer {
    guard peer.uid == Peer.unidentified.uid,
      openByUID[peer.uid, default: 0] >= limits.maximumConnectionsPerUID,
      let listener = listener as? LoopbackListener, case .success(let uid) = listener.uid(of: descriptor)
    else { return peer }
    return Peer(uid: uid, gid: peer.gid, pid: peer.pid, groups: peer.groups)
  }

  /// Why there is no room for another connection of `peer`; nil if there is. Connections whose clients have left don't count: many
  /// are accepted before the ready ones have their turn, so departed ones are ended first.
  private func refusal(for peer: Peer) -> ServerStatistics.Refusal? {
    let own = limits.ownConnections(of: peer.uid)
    func isUserFull() -> Bool { own.map { openByUID[peer.uid, default: 0] >= $0 } ?? false }
    if isUserFull() {
      endHungUp(.open(of: peer.uid))
      if isUserFull() { return .userConnections }
    }
    guard statistics.open >= limits.maximumConnections else { return nil }
    endHungUp(.allOpen)
    if statistics.open < limits.maximumConnections { return nil }
    let hasReserve = statistics.open < limits.maximumConnections + limits.reservedConnections
    return hasReserve && handler.isPrivileged(peer) ? nil : .connections
  }

  /// Ends the connections in `scope` whose clients have left, as would happen when epoll reports them in their turn: a request that
  /// a client left behind is still served.
  func endHungUp(_ scope: HangUps.Scope) {
    for slot in hangUps.slots(scope) {
      let connection = connections[slot]
      // The end of one may have caused the end of another.
      guard connection.phase != .free else { continue }
      visit(connection, EPOLLHUP.rawValue)
      if epoll < 0 { return }
      // One of its requests still waits for its answer or its turn, and nobody would read that.
      if connection.phase != .free { abandon(connection) }
    }
  }

  private func reject(
    _ descriptor: CInt, _ peer: Peer, _ reason: ServerStatistics.Refusal, _ answer: PlainBytes
  ) {
    refuse(occupy(descriptor, peer), reason, answer)
  }

  private func occupy(_ descriptor: CInt, _ peer: Peer) -> Connection {
    let connection: Connection
    if let slot = freeSlots.popLast() {
      connection = connections[Int(slot)]
    } else {
      connection = Connection(slot: UInt32(connections.count))
      connections.append(connection)
      deadlines.addSlot()
      hangUps.addSlot()
    }
    connection.begin(descriptor, peer)
    return connection
  }

  /// Removes a connection from the counts for the limits.
  func uncount(_ connection: Connection) {
    guard connection.isCounted else { return }
    connection.isCounted = false
    hangUps.clear(Int(connection.slot))
    statistics.open -= 1
    let rest = openByUID[connection.peer.uid, default: 1] - 1
    openByUID[connection.peer.uid] = rest > 0 ? rest : nil
  }

  /// Closes a connection and frees its slot, without notifying the handler.
  func release(_ connection: Connection) {
    uncount(connection)
    if connection.phase == .lingering {
      lingering -= 1
      hangUps.clear(Int(connection.slot))
    }
    deadlines.clear(Int(connection.slot))
    close(connection.descriptor)
    connection.end()
    connection.isQueued = false
    freeSlots.append(connection.slot)
    if drained == nil { acceptor.resume() } else { endDrainIfDone() }
  }

  /// Closes a connection whose client is gone, and notifies the handler if it still has a request or stream of it.
  func abandon(_ connection: Connection) {
    let token = connection.token
    let isOwed = connection.phase == .waiting || connection.phase == .streaming && !connection.closesAfterOutput
    release(connection)
    guard isOwed else { return }
    statistics.abandoned += 1
    handler.abandoned(token)
  }
}
