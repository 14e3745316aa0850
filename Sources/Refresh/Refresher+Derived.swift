package import Core
import SessionStore
import Settings
import Systemd

/// Sessions that are derived from roles: fetched when somebody asks for them, renewed while they are used, and dropped afterwards.
///
/// Each has a machine of its own, which the refresher drives as it does those of the roles. Only their calls wait for those of all
/// roles (`FetchQueue`), and only `derivedObserver` learns what becomes of them. Their secrets are in the store as all others; the document
/// is rendered when somebody reads it, and kept for half a minute.
extension Refresher {
  package enum Acquisition {
    case session(ManagedRole)
    /// As many users as there may be have read theirs a short time ago; one may have to go after this time.
    case full(most: Int, wait: Duration)
  }

  /// How long a session has to be idle before another user's takes its place.
  static let leastIdle = Duration.minutes(5)
  /// How long a document is kept after the latest read.
  static let documentLife = Duration.seconds(30)
  /// How often unused sessions are looked for.
  static let sweepInterval = Duration.seconds(30)

  /// The session of this key, which is fetched from now on if there is none; nil if the role has no such. `user` is the label of the key's
  /// user. It counts as read.
  package func acquire(_ key: SessionKey, of role: ManagedRole, for user: UserLabel?) -> Acquisition? {
    let now = scheduler.time
    if let session = role.derived(key) {
      touch(session, at: now)
      return .session(session)
    }
    let sessions = role.derivedSessions ?? DerivedSessions()
    let label = user.map { unique($0, among: sessions) }
    guard let settings = role.settings.derived(key, for: label) else { return nil }
    if let most = role.settings.derivation.settings?.users?.most, sessions.users(of: key.scope) >= most {
      if let wait = makeRoom(for: key, among: sessions, at: now) { return .full(most: most, wait: wait) }
    }
    role.kinship = .origin(sessions)
    // In seconds since 1970: it goes up over restarts, too, since nobody needs a session each second.
    let generation = max(sessions.lastGeneration, UInt64(max(0, clock.now(at: now).seconds)))
    let machine = RefreshMachine(
      timing: settings.timing, attemptLimit: attemptLimit, generation: generation, at: now)
    let session = insert(settings, machine, Derived(of: role, key, label, at: now))
    sessions.members[key] = session
    armSweep()
    send(.started, to: session)
    return .session(session)
  }

  /// The document of a derived session, made for this read if it isn't kept. It counts as read.
  package func touch(_ session: ManagedRole, at now: Timestamp) {
    guard case .derived(let derived) = session.kinship else { return }
    derived.lastRead = now
    if session.current == nil, let latest = session.serving(at: now) {
      session.current = published(latest, of: session)
    }
  }

  /// Two users never share a name, whatever the host calls them.
  private func unique(_ user: UserLabel, among sessions: DerivedSessions) -> UserLabel {
    let isTaken = sessions.members.values.contains { session in
      guard case .derived(let other) = session.kinship, let label = other.user else { return false }
      return label.text == user.text && label != user
    }
    return isTaken ? user.withNumber : user
  }

  /// Drops the session that has been idle longest; returns how long to wait if none has been for long enough.
  private func makeRoom(for key: SessionKey, among sessions: DerivedSessions, at now: Timestamp) -> Duration? {
    var longest: (session: ManagedRole, read: Timestamp)?
    for (other, session) in sessions.members where other.scope == key.scope && !isWatched(other) {
      guard case .derived(let derived) = session.kinship else { continue }
      if longest.map({ derived.lastRead < $0.read }) ?? true { longest = (session, derived.lastRead) }
    }
    guard let longest else { return Self.leastIdle }
    let idle = now - longest.read
    guard idle >= Self.leastIdle else { return Self.leastIdle - idle }
    drop(longest.session)
    return nil
  }

  /// Forgets a derived session; its secrets are wiped once nobody is being handed them.
  func drop(_ session: ManagedRole) {
    guard case .derived(let derived) = session.kinship, table[session.slot] === session else { return }
    if let sessions = derived.role.derivedSessions {
      sessions.members[derived.key] = nil
      sessions.lastGeneration = max(sessions.lastGeneration, session.machine.generation)
    }
    release(session)
    session.current = nil
    session.kinship = .dropped(derived.key)
    derivedObserver?.didDrop(session)
  }

  func dropDerived(of role: ManagedRole) {
    for session in (role.derivedSessions?.members ?? [:]).values { drop(session) }
  }

  /// The role has other settings: its derived sessions follow, or go.
  func reviewDerived(of role: ManagedRole) {
    for session in (role.derivedSessions?.members ?? [:]).values {
      guard case .derived(let derived) = session.kinship else { continue }
      guard let settings = role.settings.derived(derived.key, for: derived.user),
        settings.keepsSessions(of: session.settings)
      else {
        drop(session)
        continue
      }
      let consequences = settings.difference(from: session.settings).consequences
      session.settings = settings
      if consequences.contains(.changesTiming) {
        session.current?.judge(by: clock, timing: settings.timing)
        send(.timingChanged(settings.timing), to: session)
      }
      if consequences.contains(.changesRequest) { send(.requestChanged, to: session) }
    }
  }

  // MARK: - Unused sessions

  private func armSweep() {
    if !sweep.isArmed { sweep.arm(at: (scheduler.time + Self.sweepInterval).microseconds) }
  }

  /// Drops sessions that nobody has read for the role's `idle`, and the documents of those that nobody reads now.
  func dropUnused() {
    let now = scheduler.time
    var remain = false
    for session in table.all {
      guard case .derived(let derived) = session.kinship else { continue }
      let idle = now - derived.lastRead
      let most = derived.role.settings.derivation.settings?.idle ?? .zero
      if idle >= most, !isWatched(derived.key) {
        drop(session)
        continue
      }
      remain = true
      if idle >= Self.documentLife, let current = session.current {
        sessions.pack(current.session.id)
        session.current = nil
      }
    }
    if remain { armSweep() }
  }
}
