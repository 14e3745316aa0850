package import Core
import SessionStore
import Settings
import Systemd

/// Sessions that are derived from roles: fetched when somebody asks for them, renewed while they are used, and dropped afterwards.
///
/// Each has a machine of its own, which the refresher drives as it does those of the roles. Only their calls wait for those of all
/// roles (`FetchQueue`), and only those of `observeDerived(by:)` learn what becomes of them. Their secrets are in the store as all others; the document
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
  /// How many users' names are remembered; those that come later end in the uid.
  static let mostLabels = 4096
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
    let label = user.map(unique)
    guard let settings = role.settings.derived(key, for: label) else { return nil }
    if let most = role.settings.derivation.settings?.users?.most, sessions.users(of: key.scope) >= most {
      if let wait = makeRoom(for: key, named: label?.isNamed == true, among: sessions, at: now) {
        return .full(most: most, wait: wait)
      }
    }
    let session = place(settings, Derived(of: role, key, label, at: now), generation: newDerivedGeneration)
    send(.started, to: session)
    return .session(session)
  }

  /// In seconds since 1970: it goes up over restarts, too, since nobody needs a session each second.
  private var newDerivedGeneration: UInt64 {
    max(lastDerivedGeneration, UInt64(max(0, clock.now(at: scheduler.time).seconds)))
  }

  /// A derived session among those of its role, to which nothing has happened yet.
  private func place(_ settings: RoleSettings, _ derived: Derived, generation: UInt64) -> ManagedRole {
    let sessions = derived.role.derivedSessions ?? DerivedSessions()
    derived.role.kinship = .origin(sessions)
    let machine = RefreshMachine(
      timing: settings.timing, attemptLimit: attemptLimit, generation: generation, at: scheduler.time)
    let session = insert(settings, machine, derived)
    sessions.members[derived.key] = session
    armSweep()
    return session
  }

  /// The keys of all shards of other hosts that have sessions.
  package var shardKeys: [SessionKey] { table.all.compactMap { $0.key.shard == nil ? nil : $0.key } }

  /// Goes on with what an earlier process held for a shard of other hosts; it counts as read.
  package func resume(shard: Int, of role: ManagedRole, _ resumed: ResumedRole) {
    let key = SessionKey(role: role.name, shard: shard)
    guard role.derived(key) == nil, let settings = role.settings.derived(key, for: nil) else { return }
    let generation =
      resumed.isGenerationExact ? resumed.generation : max(resumed.generation, newDerivedGeneration)
    let session = place(settings, Derived(of: role, key, nil, at: scheduler.time), generation: generation)
    begin(session, with: resumed)
    pump()
  }

  /// The document of a derived session, made for this read if it isn't kept. It counts as read.
  package func touch(_ session: ManagedRole, at now: Timestamp) {
    guard case .derived = session.kinship else { return }
    noteUse(of: session, at: now)
    if session.current == nil, let latest = session.serving(at: now) {
      session.current = published(latest, of: session)
    }
  }

  /// Somebody uses the session, which goes on being renewed.
  package func noteUse(of session: ManagedRole, at now: Timestamp) {
    guard case .derived(let derived) = session.kinship else { return }
    derived.lastRead = now
    guard derived.awaitsRead else { return }
    derived.awaitsRead = false
    if let held = session.heldFetch { perform(held, for: session) }
    pump()
  }

  /// Two users never have the same name while this process runs, whatever the host calls them.
  private func unique(_ user: UserLabel) -> UserLabel {
    if user.hasNumber { return user }
    if let owner = labelOwners[user.text] { return owner == user.uid ? user : user.withNumber }
    guard labelOwners.count < Self.mostLabels else { return user.withNumber }
    labelOwners[user.text] = user.uid
    return user
  }

  /// Drops the session that has been idle longest; returns how long to wait if none has been for long enough.
  ///
  /// A user with a name takes the place of one without at once. A user can have thousands of uids without names in a user namespace
  /// (subuid(5)), all of them with the groups that it has.
  private func makeRoom(for key: SessionKey, named isNamed: Bool, among sessions: DerivedSessions, at now: Timestamp)
    -> Duration?
  {
    let inOrder = sessions.longestIdle(of: key.scope)
    let nameless = isNamed ? inOrder.filter { $0.derived.user?.isNamed == false } : []
    if let least = nameless.first(where: { !isWatched($0.derived.key) }) ?? nameless.first {
      drop(least.session)
      return nil
    }
    let latest = now - Self.leastIdle
    let candidates = inOrder.prefix { $0.derived.lastRead <= latest }
    if let idle = candidates.first(where: { !isWatched($0.derived.key) }) {
      drop(idle.session)
      return nil
    }
    guard candidates.count < inOrder.count else { return Self.leastIdle }
    return inOrder[candidates.count].derived.lastRead - latest
  }

  /// Forgets a derived session; its secrets are wiped once nobody is being handed them.
  func drop(_ session: ManagedRole) {
    guard case .derived(let derived) = session.kinship, table[session.slot] === session else { return }
    derived.role.derivedSessions?.members[derived.key] = nil
    lastDerivedGeneration = max(lastDerivedGeneration, session.machine.generation)
    release(session)
    session.current = nil
    session.kinship = .dropped(derived.key)
    notifyDerived { $0.didDrop(session) }
  }

  func dropDerived(of role: ManagedRole) {
    for session in (role.derivedSessions?.members ?? [:]).values { drop(session) }
  }

  /// The role has other settings than `old`: its derived sessions follow, or go.
  func reviewDerived(of role: ManagedRole, since old: RoleSettings) {
    guard let sessions = role.derivedSessions else { return }
    let identityChanged = role.settings.derivation.sendsUser != old.derivation.sendsUser
    for session in sessions.members.values {
      guard case .derived(let derived) = session.kinship else { continue }
      guard let settings = role.settings.derived(derived.key, for: derived.user),
        settings.keepsSessions(of: session.settings)
      else {
        drop(session)
        continue
      }
      let consequences = settings.difference(from: session.settings).consequences
      session.settings = settings
      if role.settings.readersDiffer(from: old, scope: derived.key.scope) { derived.awaitsRead = true }
      if consequences.contains(.changesTiming) {
        session.current?.judge(by: clock, timing: settings.timing)
        send(.timingChanged(settings.timing), to: session)
      }
      if identityChanged || consequences.contains(.changesRequest) { send(.requestChanged, to: session) }
    }
    dropSurplus(of: role, sessions)
  }

  /// Drops those that have been idle longest until there are no more than `max_users` allows.
  private func dropSurplus(of role: ManagedRole, _ sessions: DerivedSessions) {
    guard let derived = role.settings.derivation.settings, let most = derived.users?.most else { return }
    let scopes: [RoleName?] = [nil] + derived.scopes.map { $0.name }
    for scope in scopes {
      let surplus = sessions.users(of: scope) - most
      if surplus > 0 { for idle in sessions.longestIdle(of: scope).prefix(surplus) { drop(idle.session) } }
    }
  }

  /// Other administrators may read everything, or no longer: no derived session is renewed before somebody uses it again.
  package func awaitReaders() {
    for session in table.all {
      if case .derived(let derived) = session.kinship { derived.awaitsRead = true }
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
