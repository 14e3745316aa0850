import Core
import HTTPServer
import Logs
import Refresh
import Settings
import Wire

/// What the loopback addresses share with the socket: hand-outs, refusals, and the question for the URI.
extension SocketService {
  func userGroups() throws -> UserGroups {
    if let groups { return groups }
    let new = try UserGroups(scheduler: scheduler)
    groups = new
    return new
  }

  // MARK: - Access by uid

  /// Whether a user of whom nothing but the uid is known may read the role: by `allow.users` and `allow.groups`. Nil if the user's
  /// groups have to be looked up first.
  func mayReadByUID(_ uid: UInt32, _ role: ManagedRole, _ groups: UserGroups) -> Bool? {
    let rule = role.settings.readers
    if rule.uids.contains(uid) { return true }
    if rule.gids.isEmpty { return false }
    return groups.known(uid).map { !rule.gids.isDisjoint(with: $0) }
  }

  func whyNotByUID(_ uid: UInt32, _ role: ManagedRole) -> String {
    let units =
      role.settings.readers.units.isEmpty ? "" : "; units don't count here, since only the uid of a caller is known"
    return
      "role '\(role.name)' isn't open to \(callers.shown(uid)) at the loopback URI, where root and administrators have no rights of their own\(units); name that user or one of its groups in 'roles.\(role.name).allow' and reload"
  }

  // MARK: - Hand-outs

  /// The role's session as plain reads get it; nil if there is none.
  func loopbackHandOut(_ role: ManagedRole, as format: CredentialFormat, to uid: UInt32, at now: Timestamp) -> Response?
  {
    role.current.flatMap { loopbackHandOut($0, of: role, as: format, to: uid, at: now) }
  }

  func loopbackHandOut(
    _ session: Session, of role: ManagedRole, as format: CredentialFormat, to uid: UInt32, at now: Timestamp
  ) -> Response? {
    refresher.handout(of: session, for: role).flatMap { loopbackHandOut($0, of: role, as: format, to: uid, at: now) }
  }

  private func loopbackHandOut(
    _ handout: Handout, of role: ManagedRole, as format: CredentialFormat, to uid: UInt32, at now: Timestamp
  ) -> Response? {
    guard let response = handout.response(as: format, of: role.name, at: now, heads: &heads) else { return nil }
    if handout.isBelowFloor(at: now) { belowFloorAnswers += 1 }
    let peer = Peer(uid: uid, gid: Peer.unidentified.gid, pid: 0, groups: [])
    handoutLog.note(handout, of: role, isReserved: handout !== role.current, to: peer, at: now, via: .loopback) { nil }
    return response
  }

  // MARK: - The URI

  /// The role's loopback URI, for a caller that may read it there.
  func uri(of role: ManagedRole, for peer: Peer, _ token: ResponseToken) -> Response? {
    guard let address = loopback.first?.address else {
      return Answer.problem(
        Problem(
          .loopbackOff,
          detail:
            "the loopback URI is off; an administrator writes [loopback] with listen = [\"127.0.0.1:7180\"] into the settings and installs the drop-in \(LoopbackDropIn.name): \(LoopbackDropIn.install)"
        ))
    }
    let known: UserGroups
    do { known = try userGroups() } catch { return Answer.problem(Problem(.stopping, detail: "\(error)")) }
    if let mayRead = mayReadByUID(peer.uid, role, known) { return uri(of: role, at: address, peer, mayRead) }
    known.find(peer.uid) { [weak self] groups in
      guard let self, let role = refresher.roles[role.name] else { return }
      let mayRead = groups.map { !role.settings.readers.gids.isDisjoint(with: $0) } ?? false
      server?.complete(token, uri(of: role, at: address, peer, mayRead))
    }
    return nil
  }

  private func uri(of role: ManagedRole, at address: LoopbackAddress, _ peer: Peer, _ mayRead: Bool) -> Response {
    guard mayRead else {
      noteLoopbackRefusal(.role(role.name), uid: peer.uid)
      return Answer.problem(Problem(.forbidden, detail: whyNotByUID(peer.uid, role)))
    }
    return Answer.document(LoopbackURI(address: address, role: role.name))
  }
}
