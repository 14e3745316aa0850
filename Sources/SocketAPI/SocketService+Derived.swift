import Core
import HTTPServer
import LocalSockets
import Logs
package import Refresh
import Settings
import Systemd
import Wire

/// Sessions of scopes, users and shards: who may read them, and how they come about.
extension SocketService {
  enum FoundSession {
    case found(ManagedRole)
    /// It isn't known yet what it is called.
    case beingFetched
    case full(most: Int, wait: Duration)
    /// The user's name couldn't be looked up.
    case nameNotFound
  }

  /// The session that a read of this key gets: of the role itself, or one derived from it, which is fetched from now on if there is none,
  /// unless `mayRequest` is false.
  func session(of key: SessionKey, from role: ManagedRole, orRequest mayRequest: Bool) -> FoundSession {
    guard key.isDerived else { return .found(role) }
    if role.derived(key) == nil, !mayRequest { return .beingFetched }
    var user: UserLabel?
    if let uid = key.uid, role.derived(key) == nil {
      switch naming(of: uid) {
      case .found(let label): user = label
      case .beingLookedUp: return .beingFetched
      case .failed: return .nameNotFound
      }
    }
    switch refresher.acquire(key, of: role, for: user) {
    case .session(let session): return .found(session)
    case .full(let most, let wait):
      reportFull(role, key, most: most)
      return .full(most: most, wait: wait)
    case nil: return .beingFetched
    }
  }

  private enum Naming {
    case found(UserLabel)
    case beingLookedUp
    /// The user may have a name that can't be found at present. A session would have another one as long as it is used.
    case failed
  }

  /// The user's name for the cloud. Once it has been looked up, readers that wait for the user's sessions are looked at again.
  private func naming(of uid: UInt32) -> Naming {
    if let foundUser, foundUser.uid == uid { return foundUser.label.map { .found($0) } ?? .failed }
    guard lookUps.insert(uid).inserted else { return .beingLookedUp }
    var naming = Naming.beingLookedUp
    callers.findName(of: uid) { [weak self] outcome in
      let label = outcome == .failed ? nil : UserLabel(uid: uid, name: outcome.name)
      naming = label.map { .found($0) } ?? .failed
      self?.userFound(uid, label)
    }
    return naming
  }

  private func userFound(_ uid: UInt32, _ label: UserLabel?) {
    lookUps.remove(uid)
    foundUser = (uid, label)
    for key in waiting.keys where key.uid == uid { answerWaitingReaders(for: key) }
    for service in loopback { service.answerWaiting(ofUser: uid) }
    // Of this user alone: otherwise two users without room would have each other's names looked up for ever.
    for key in subscribers.followedKeys where key.uid == uid { fetchFollowed(key) }
    foundUser = nil
  }

  /// Fetches the sessions that streams follow and that aren't there, because a reload has changed what they are of.
  func fetchFollowedSessions() {
    for key in subscribers.followedKeys {
      if let session = refresher.roles[key.role]?.derived(key) {
        refresher.noteUse(of: session, at: scheduler.time)
      } else {
        fetchFollowed(key)
      }
    }
  }

  /// The same for sessions that made room for another user's.
  func fetchMissingSessions() {
    for key in subscribers.followedKeys where refresher.roles[key.role]?.derived(key) == nil { fetchFollowed(key) }
  }

  /// A stream that has never had its session ends if that can't be had: its reader asks again, and learns why. One that has lost it
  /// goes on, and it is fetched once there is room again.
  private func fetchFollowed(_ key: SessionKey) {
    guard let role = refresher.roles[key.role] else { return }
    switch session(of: key, from: role, orRequest: true) {
    case .found, .beingFetched: break
    case .full, .nameNotFound: subscribers.endWithoutSession(key)
    }
  }

  package func didDrop(_ session: ManagedRole) {
    bundles.changed(session)
    if session.hasHadSession, session.key.shard == nil { send(.changed, of: session) }
    // In a later turn: the session that takes its place isn't there yet.
    dropped.append(session.key)
    droppedTurn.schedule()
  }

  /// Readers that wait for a session which was dropped get another one, or learn at once that there is no room.
  func answerThoseOfDropped() {
    let keys = dropped
    dropped = []
    for key in keys {
      answerWaitingReaders(for: key)
      for service in loopback { service.answerWaiting(for: key) }
    }
  }

  package func didWithdraw(_ role: ManagedRole) { bundles.withdrawn(role) }

  // MARK: - Access

  func mayRead(_ peer: Peer, _ token: ResponseToken, _ role: ManagedRole, scope: RoleName?) -> Bool {
    mayRead(peer, of: unit(of: token), role, scope: scope)
  }

  /// Readers of a role may read its scopes, too: those permit less.
  func mayRead(_ peer: Peer, of unit: @autoclosure () -> UnitName?, _ role: ManagedRole, scope: RoleName?) -> Bool {
    if mayRead(peer, of: unit(), role) { return true }
    guard let scope, let readers = role.settings.derivation.scope(scope)?.readers else { return false }
    return access.mayRead(peer, of: unit(), role: readers)
  }

  /// A user's sessions are nobody else's business, except an administrator's.
  func mayFollow(_ peer: Peer, _ token: ResponseToken, _ role: ManagedRole) -> Bool {
    let key = role.key
    // Those of other hosts are followed by nobody here.
    if key.shard != nil { return false }
    guard key.uid == nil || key.uid == peer.uid || isPrivileged(peer) else { return false }
    return mayRead(peer, token, refresher.roles[key.role] ?? role, scope: key.scope)
  }

  func maySubscribe(_ peer: Peer, _ token: ResponseToken, to key: SessionKey) -> Bool {
    guard let role = refresher.roles[key.role], key.scope.map({ role.settings.derivation.scope($0) != nil }) ?? true
    else { return false }
    return role.settings.sessionKey(scope: key.scope, uid: peer.uid) == key
      && mayRead(peer, token, role, scope: key.scope)
  }

  func readableScopes(of role: ManagedRole, for peer: Peer, _ token: ResponseToken) -> [RoleName] {
    role.settings.derivation.scopes.map(\.name).filter { mayRead(peer, token, role, scope: $0) }
  }

  // MARK: - Status

  /// `uid` is the user whose sessions are shown; nil for nobody's.
  func addDerived(to status: inout RoleStatus, of role: ManagedRole, uid: UInt32?) {
    guard let derived = role.settings.derivation.settings else { return }
    status.scopes = derived.scopes.map { scopeStatus($0.name, of: role, uid: uid) }
    status.userSessions = derived.users.map { users in
      let own = uid.flatMap { role.derived(SessionKey(role: role.name, uid: $0)) }?.serving(at: scheduler.time)
      return UserSessionsStatus(
        count: role.derivedSessions?.users(of: nil) ?? 0, most: users.most, accessKeyID: own?.accessKeyID,
        expiresAt: own?.expiration)
    }
  }

  func scopeStatus(_ scope: RoleName, of role: ManagedRole, uid: UInt32?) -> ScopeStatus {
    let isPerUser = role.settings.derivation.isPerUser
    var status = ScopeStatus(
      role: role.name.description, name: scope.description,
      users: isPerUser ? role.derivedSessions?.users(of: scope) ?? 0 : nil)
    guard let session = role.derived(SessionKey(role: role.name, scope: scope, uid: isPerUser ? uid : nil)) else {
      return status
    }
    let now = scheduler.time
    let serving = session.serving(at: now)
    status.state = session.state(at: now)
    status.accessKeyID = serving?.accessKeyID
    status.expiresAt = serving?.expiration
    status.expiresIn = serving.map { max(.zero, $0.expires - now) }
    status.generation = session.generation
    status.lastError = session.machine.lastFailure.map { failure in
      LastError(
        failure, since: session.machine.failingSince.map { refresher.clock.calendar(at: $0) },
        at: session.machine.failedAt.map { refresher.clock.calendar(at: $0) })
    }
    return status
  }

  // MARK: - Answers

  /// The first line of a stream about a session that isn't there.
  func nothingYet(_ key: SessionKey) -> RoleEvent {
    var event = RoleEvent(
      time: refresher.clock.now(at: scheduler.time), kind: .snapshot, role: key.role.description, state: .waiting,
      generation: 0)
    (event.scope, event.uid) = (key.scope?.description, key.uid)
    return event
  }

  func unknownScope(_ text: String, of role: ManagedRole, _ peer: Peer, _ token: ResponseToken) -> Response {
    Self.unknownScope(text, of: role, among: readableScopes(of: role, for: peer, token).map { "\($0)" })
  }

  /// `names` are the scopes that the caller may read.
  static func unknownScope(_ text: String, of role: ManagedRole, among names: [String]) -> Response {
    var problem = Problem(
      .scopeNotFound, detail: "", suggestion: Spelling.nearest(to: String(text.prefix(64)), among: names))
    let hint = names.isEmpty ? "it has no scopes" : "it has \(names.map { "'\($0)'" }.joined(separator: ", "))"
    problem.detail = "role '\(role.name)' has no scope '\(RefusedValue.shown(text))'; \(problem.didYouMean)\(hint)"
    return Answer.problem(problem)
  }

  static func scopeGone(_ scope: RoleName, of role: RoleName) -> Response {
    Answer.problem(
      Problem(.scopeNotFound, detail: "scope '\(scope)' of role '\(role)' was taken out of the settings"))
  }

  static func beingFetched(_ key: SessionKey) -> Response {
    Answer.problem(
      Problem(
        .noSession, detail: "\(key.subject): a session is about to be fetched; ask again", retryAfter: .seconds(1)))
  }

  static func nameNotFound(_ key: SessionKey) -> Response {
    Answer.problem(
      Problem(
        .noSession,
        detail: "\(key.subject): the user's name, after which the session is named, wasn't found in time; ask again",
        retryAfter: .seconds(5)))
  }

  func tooManyUsers(_ key: SessionKey, most: Int, _ wait: Duration) -> Response {
    Answer.problem(
      Problem(
        .tooManyUsers,
        detail:
          "\(key.subject): \(most == 1 ? "1 user has" : "\(most) users have") a session, as many as 'roles.\(key.role).max_users' allows, "
          + "and all have read it in the last 5 min",
        retryAfter: wait + .seconds(1)))
  }

  private func reportFull(_ role: ManagedRole, _ key: SessionKey, most: Int) {
    let now = scheduler.time
    guard let sessions = role.derivedSessions else { return }
    if let reported = sessions.fullReported[key.scope], now - reported < .minutes(10) { return }
    sessions.fullReported[key.scope] = now
    let scope = key.scope.map { [LogField.scope($0)] } ?? []
    log.write(.tooManyUsers, [.role(role.name)] + scope + [.count(most)] + (key.uid.map { [.uid($0)] } ?? []))
  }
}

extension SessionKey {
  /// The session in messages.
  var subject: String {
    let scope = scope.map { "scope '\($0)' of " } ?? ""
    let hosts = shard.map { " for shard \($0) of the hosts" } ?? ""
    return "\(scope)role '\(role)'\(uid.map { " for uid \($0)" } ?? "")\(hosts)"
  }
}

extension ManagedRole {
  /// The role, or the derived session, in messages.
  var subject: String { key.subject }

  /// The sessions that are derived from it for readers of this host, in a fixed order.
  var derivedInOrder: [ManagedRole] {
    guard let members = derivedSessions?.members else { return [] }
    return members.values.filter { $0.key.shard == nil }.sorted { one, other in
      let (left, right) = (one.key, other.key)
      if left.scope != right.scope { return left.scope?.description ?? "" < right.scope?.description ?? "" }
      return left.uid ?? 0 < right.uid ?? 0
    }
  }
}
