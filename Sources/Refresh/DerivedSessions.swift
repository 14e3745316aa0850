package import Core
import Settings

/// The sessions that are derived from one role.
package final class DerivedSessions {
  package internal(set) var members: [SessionKey: ManagedRole] = [:]
  /// The outcomes of attempts for all that there were.
  package internal(set) var fetches = FetchOutcomes()
  /// When it was last logged that there is no room for another user, by scope.
  package var fullReported: [RoleName?: Timestamp] = [:]

  /// How many users have a session of this scope.
  package func users(of scope: RoleName?) -> Int { members.keys.count { $0.scope == scope && $0.uid != nil } }

  /// The sessions of this scope, those first that were read least recently.
  func longestIdle(of scope: RoleName?) -> [(session: ManagedRole, derived: Derived)] {
    let all: [(session: ManagedRole, derived: Derived)] = members.values.compactMap { session in
      guard case .derived(let derived) = session.kinship, derived.key.scope == scope else { return nil }
      return (session, derived)
    }
    return all.sorted { $0.derived.lastRead < $1.derived.lastRead }
  }
}

/// What makes a managed session a derived one.
final class Derived {
  unowned let role: ManagedRole
  let key: SessionKey
  /// Nil if all readers share it.
  let user: UserLabel?
  var lastRead: Timestamp
  /// Whether a reload has changed who may read it since anybody has: it isn't renewed before somebody does again.
  var awaitsRead = false

  init(of role: ManagedRole, _ key: SessionKey, _ user: UserLabel?, at now: Timestamp) {
    (self.role, self.key, self.user, lastRead) = (role, key, user, now)
  }
}

/// What a managed session has to do with others.
enum Kinship {
  /// A role from which nothing is derived yet.
  case none
  case origin(DerivedSessions)
  case derived(Derived)
  /// It was dropped; whoever still has it gets nothing of it.
  case dropped(SessionKey)
}

extension ManagedRole {
  /// Which session it is.
  package var key: SessionKey {
    switch kinship {
    case .derived(let derived): derived.key
    case .dropped(let key): key
    case .none, .origin: SessionKey(role: name)
    }
  }

  package var isDerived: Bool {
    switch kinship {
    case .derived, .dropped: true
    case .none, .origin: false
    }
  }

  /// Whether it isn't renewed before somebody reads it.
  var awaitsRead: Bool { if case .derived(let derived) = kinship { derived.awaitsRead } else { false } }

  /// The role that it is derived from; nil for a role, and once the session was dropped.
  package var origin: ManagedRole? { if case .derived(let derived) = kinship { derived.role } else { nil } }

  /// The sessions that are derived from it; nil if there have been none.
  package var derivedSessions: DerivedSessions? { if case .origin(let sessions) = kinship { sessions } else { nil } }

  /// A derived session.
  package func derived(_ key: SessionKey) -> ManagedRole? { derivedSessions?.members[key] }

  /// The user that is sent as SourceIdentity.
  var sourceIdentity: String? {
    guard case .derived(let derived) = kinship,
      derived.role.settings.derivation.settings?.users?.isSourceIdentity == true
    else { return nil }
    return derived.user?.text
  }

  /// The session that plain reads get; nil if none is valid. A derived session that isn't read at present has no document (`current`).
  package func serving(at now: Timestamp) -> Session? {
    if let current { return now < current.lapses ? current.session : nil }
    guard case .derived = kinship, let session = machine.freshest, now < session.expires - machine.timing.lapseMargin
    else { return nil }
    return session
  }
}
