package import Core
import HTTPServer
package import Refresh
import Settings
import Systemd
package import Wire

/// `GET /v1/events`, and what its readers are sent.
extension SocketService: EventSource {
  /// Begins a stream about all roles, or with `?role=NAME` about what a read of that role gets, with `&scope=TASK` about the role's scope.
  func subscribe(_ request: borrowing RequestHead, _ peer: Peer, _ token: ResponseToken) -> Response? {
    var subject: (key: SessionKey, role: ManagedRole)?
    if let name = request.query("role") {
      guard let role = RoleName(name).flatMap({ refresher.roles[$0] }) else { return unknownRole(name, peer, token) }
      var scope: RoleName?
      if let text = request.query("scope") {
        scope = RoleName(text)
        guard let scope, role.settings.derivation.scope(scope) != nil else {
          return mayRead(peer, token, role) ? unknownScope(text, of: role, peer, token) : refuse(peer, token, role)
        }
      }
      guard mayRead(peer, token, role, scope: scope) else { return refuse(peer, token, role, scope: scope) }
      subject = (role.settings.sessionKey(scope: scope, uid: peer.uid), role)
    } else if request.query("scope") != nil {
      return Answer.problem(Problem(.malformed, detail: "'scope' goes with 'role': ?role=NAME&scope=TASK"))
    }
    // Whoever follows a derived session uses it.
    let found = subject.map { session(of: $0.key, from: $0.role, orRequest: true) }
    if let key = subject?.key {
      if case .full(let most, let wait)? = found { return tooManyUsers(key, most: most, wait) }
      if case .nameNotFound? = found { return Self.nameNotFound(key) }
    }
    guard server?.beginStream(token, head: Answer.head(status: 200, type: .lines, length: nil)) == true else {
      return nil
    }
    guard let subject else {
      subscribers.add(token, peer)
      return nil
    }
    if case .found(let session)? = found {
      subscribers.add(token, peer, only: subject.key, [session])
    } else {
      subscribers.add(token, peer, only: subject.key, [])
      _ = send(PlainBytes(nothingYet(subject.key).rendered()), to: token)
    }
    return nil
  }

  /// A reload has added the role, or changed who may read it; `settingsChanged` follows.
  package func readersChanged(of role: RoleName) { subscribers.readersChanged(of: role) }

  /// Sessions of other hosts have no events.
  func send(_ kind: RoleEvent.Kind, of role: ManagedRole) {
    if role.key.shard == nil { subscribers.publish(role, event(kind, of: role)) }
  }

  /// Publishes an event for files that appear, fail, or work again.
  package func outputsChanged(of role: ManagedRole, _ outputs: [OutputStatus]) {
    let now = scheduler.time
    for output in outputs {
      subscribers.publish(role, role.event(.output, at: now, clock: refresher.clock, output: output))
    }
  }

  private func event(_ kind: RoleEvent.Kind, of role: ManagedRole) -> RoleEvent {
    role.event(kind, at: scheduler.time, clock: refresher.clock)
  }

  var roles: [ManagedRole] { refresher.rolesInOrder }

  func snapshot(of role: ManagedRole) -> RoleEvent? {
    guard let origin = refresher.roles[role.name], origin === role || origin.derived(role.key) === role else {
      return nil
    }
    return event(.snapshot, of: role)
  }

  func heartbeat() -> Heartbeat { Heartbeat(time: refresher.clock.now(at: scheduler.time)) }

  func send(_ bytes: PlainBytes, to token: ResponseToken) -> Bool { server?.send(token, bytes) ?? false }

  func finish(_ token: ResponseToken) { server?.finish(token) }

  func backlog(of token: ResponseToken) -> Int { server?.backlog(of: token) ?? 0 }
}

extension RefreshReport {
  /// The event that informs readers; nil if there is none. No report's event says that they get another session: `rotated` is sent
  /// when they do, which a new session that is only a standby doesn't cause.
  var eventKind: RoleEvent.Kind? {
    switch self {
    case .failing, .recovered, .belowFloor, .lapsed, .condemned(_, .nothing): .changed
    case .refreshed, .condemned(_, .standby), .condemned(_, .notNeeded), .reservationServes: nil
    case .reserved: .reserved
    case .grantedLess, .stillFailing, .reservationFailed: nil
    }
  }
}
