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

  /// Whether a user of whom nothing but the uid is known may read the role, or its scope: by `allow.users` and `allow.groups`. Nil if
  /// the user's groups have to be looked up first.
  func mayReadByUID(_ uid: UInt32, _ role: ManagedRole, scope: String? = nil, _ groups: UserGroups) -> Bool? {
    // The proxy has no rights of its own.
    if uid == access.proxyUID { return false }
    if role.settings.readers.uids.contains(uid) { return true }
    let rules = Self.rules(of: role, scope: scope)
    if rules.contains(where: { $0.uids.contains(uid) }) { return true }
    if rules.allSatisfy(\.gids.isEmpty) { return false }
    return groups.known(uid).map { Self.admits($0, rules) }
  }

  /// The rules of which one has to admit the caller: readers of a role may read its scopes, too. Whoever may read one of them may
  /// learn that there is no scope of another name.
  private static func rules(of role: ManagedRole, scope: String?) -> [AccessRule] {
    guard let scope else { return [role.settings.readers] }
    let scopes = role.settings.derivation.scopes
    let meant = scopes.filter { $0.name.description == scope }
    return [role.settings.readers] + (meant.isEmpty ? scopes : meant).compactMap(\.readers)
  }

  private static func admits(_ groups: Set<UInt32>, _ rules: [AccessRule]) -> Bool {
    rules.contains { !$0.gids.isDisjoint(with: groups) }
  }

  func whyNotByUID(_ uid: UInt32, _ role: ManagedRole, scope: String? = nil) -> String {
    let known = scope.flatMap { RoleName($0) }.flatMap { role.settings.derivation.scope($0) }?.name
    let (subject, key) =
      known.map { ("scope '\($0)' of role '\(role.name)'", "roles.\(role.name).scopes.\($0).allow") }
      ?? ("role '\(role.name)'", "roles.\(role.name).allow")
    let open = role.settings.derivation.scopes.map(\.name).filter { name in
      groups.map { mayReadByUID(uid, role, scope: "\(name)", $0) == true } ?? false
    }
    let units =
      role.settings.readers.units.isEmpty ? "" : "; units don't count here, since only the uid of a caller is known"
    return
      "\(subject) isn't open to \(callers.shown(uid)) at the loopback URI, where root and administrators have no rights of their own\(units); \(Self.instead(open))name that user or one of its groups in '\(key)' and reload"
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

  /// The loopback URI of the role, or of its scope, for a caller that may read it there.
  func uri(of role: ManagedRole, scope: RoleName? = nil, for peer: Peer, _ token: ResponseToken) -> Response? {
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
    if let mayRead = mayReadByUID(peer.uid, role, scope: scope?.description, known) {
      return uri(of: role, scope, at: address, peer, mayRead)
    }
    uriQuestions.insert(token)
    let name = role.name
    let isAsked = known.find(peer.uid) { [weak self] groups in
      guard let self, uriQuestions.remove(token) != nil else { return }
      let response = uri(ofRole: name, scope, at: address, peer, token, isKnown: groups != nil)
      if let response { server?.complete(token, response) }
    }
    if isAsked { return nil }
    uriQuestions.remove(token)
    return uri(of: role, scope, at: address, peer, false)
  }

  /// The answer once the groups have been looked up; the settings may have changed meanwhile.
  private func uri(
    ofRole name: RoleName, _ scope: RoleName?, at address: LoopbackAddress, _ peer: Peer, _ token: ResponseToken,
    isKnown: Bool
  ) -> Response? {
    guard let role = refresher.roles[name] else {
      return Answer.problem(Problem(.notFound, detail: "role '\(name)' was taken out of the settings"))
    }
    if let scope, role.settings.derivation.scope(scope) == nil { return Self.scopeGone(scope, of: name) }
    guard mayRead(peer, token, role, scope: scope) else { return refuse(peer, token, role, scope: scope) }
    return isKnown ? uri(of: role, scope: scope, for: peer, token) : uri(of: role, scope, at: address, peer, false)
  }

  private func uri(
    of role: ManagedRole, _ scope: RoleName?, at address: LoopbackAddress, _ peer: Peer, _ mayRead: Bool
  ) -> Response {
    guard mayRead else {
      noteLoopbackRefusal(.role(role.name), uid: peer.uid)
      return Answer.problem(Problem(.forbidden, detail: whyNotByUID(peer.uid, role, scope: scope?.description)))
    }
    return Answer.document(LoopbackURI(address: address, role: role.name, scope: scope))
  }
}
