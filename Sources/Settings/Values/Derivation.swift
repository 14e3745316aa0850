package import Core

/// Which sessions are derived from a role: for tasks, for each user, and for shards of other hosts.
///
/// Indirect, so on the heap: most roles have none.
package enum Derivation: Hashable, Sendable {
  case none
  indirect case some(DerivedSettings)

  package init(_ settings: DerivedSettings) {
    self = settings.scopes.isEmpty && settings.users == nil && settings.shards == nil ? .none : .some(settings)
  }

  package var settings: DerivedSettings? { if case .some(let settings) = self { settings } else { nil } }

  package var scopes: [ScopeSettings] { settings?.scopes ?? [] }
  /// Whether each user has sessions of its own.
  package var isPerUser: Bool { settings?.users != nil }
  /// Whether users are sent as SourceIdentity.
  package var sendsUser: Bool { settings?.users?.isSourceIdentity == true }
  /// Whether a scope names units among its readers.
  package var namesUnits: Bool { scopes.contains { $0.readers?.units.isEmpty == false } }

  package func scope(_ name: RoleName) -> ScopeSettings? { settings?.scopes.first { $0.name == name } }
}

package struct DerivedSettings: Hashable, Sendable {
  /// In the order of their names.
  package var scopes: [ScopeSettings]
  /// Nil if all readers share a session.
  package var users: UserSessions?
  /// How many sessions other hosts share, 1 to 4096; nil if they have the role's own.
  package var shards: Int?
  /// After how long without a read a derived session is dropped.
  package var idle: Duration

  package init(
    scopes: [ScopeSettings] = [], users: UserSessions? = nil, shards: Int? = nil, idle: Duration = Self.standardIdle
  ) {
    self.scopes = scopes
    self.users = users
    self.shards = shards
    self.idle = idle
  }

  package static let standardIdle = Duration.hours(2)
  package static let standardShards = 64

  /// How many sessions there may be at a time.
  package var mostSessions: Int { users.map { $0.most * (1 + scopes.count) } ?? scopes.count + (shards ?? 0) }
}

/// `session_per = "user"`.
package struct UserSessions: Hashable, Sendable {
  package static let standardMost = 100

  /// The most users with a session at a time.
  package var most: Int
  /// Whether the user is sent as SourceIdentity, too.
  package var isSourceIdentity: Bool

  package init(most: Int = Self.standardMost, isSourceIdentity: Bool = false) {
    self.most = most
    self.isSourceIdentity = isSourceIdentity
  }
}

/// `[roles.NAME.scopes.TASK]`.
package struct ScopeSettings: Hashable, Sendable {
  package var name: RoleName
  /// The session policy in place of the role's, as it is sent.
  package var policy: [UInt8]
  /// The longest DurationSeconds of its sessions; nil for the role's.
  package var maxDuration: Duration?
  /// Nil for the role's.
  package var sessionName: SessionNameTemplate?
  /// Who may read it besides the readers of the role; nil for nobody.
  package var readers: AccessRule?

  package init(
    name: RoleName, policy: [UInt8], maxDuration: Duration? = nil, sessionName: SessionNameTemplate? = nil,
    readers: AccessRule? = nil
  ) {
    self.name = name
    self.policy = policy
    self.maxDuration = maxDuration
    self.sessionName = sessionName
    self.readers = readers
  }
}

extension RoleSettings {
  /// Whether the role or one of its scopes names units among its readers.
  package var namesUnits: Bool { !readers.units.isEmpty || derivation.namesUnits }

  /// Whether others than under `old` may read the role, or this scope of it.
  package func readersDiffer(from old: RoleSettings, scope: RoleName?) -> Bool {
    if readers != old.readers { return true }
    guard let scope else { return false }
    return derivation.scope(scope)?.readers != old.derivation.scope(scope)?.readers
  }

  /// The key of the session that a reader of the role gets.
  package func sessionKey(scope: RoleName?, uid: UInt32) -> SessionKey {
    SessionKey(role: name, scope: scope, uid: derivation.isPerUser ? uid : nil)
  }

  /// The key of the session that another host gets; `hash` is the host's number.
  package func sessionKey(ofHost hash: UInt32) -> SessionKey {
    SessionKey(role: name, shard: derivation.settings?.shards.map { HostNumber.shard(of: hash, among: $0) })
  }

  /// The settings of a session that is derived from this role; nil if there is none of that key. `user` is the label of the key's user.
  package func derived(_ key: SessionKey, for user: UserLabel?) -> RoleSettings? {
    guard key.isDerived, (key.uid != nil) == derivation.isPerUser else { return nil }
    var session = self
    session.derivation = .none
    (session.outputs, session.refreshUnits, session.isRequired) = ([], [], false)
    var template = sessionName
    if let shard = key.shard {
      // A whole ring: the hosts' stage needs standbys, too.
      guard key.scope == nil, shard < derivation.settings?.shards ?? 0 else { return nil }
      session.sessionName = template.naming(shard: shard)
      return session
    }
    if let name = key.scope {
      guard let scope = derivation.scope(name) else { return nil }
      session.policy = scope.policy
      session.timing = timing.derived(limit: scope.maxDuration)
      template = scope.sessionName ?? template.withScope
    } else {
      session.timing = timing.derived()
    }
    session.sessionName = template.naming(scope: key.scope, user: user, of: name)
    return session
  }

  /// AssumeRole calls per second, in steady state, of as many derived sessions as there may be.
  package var derivedCallsPerSecond: Double {
    guard let derived = derivation.settings else { return 0 }
    let count = Double(derived.users?.most ?? 1)
    let own = derived.users == nil ? 0 : timing.derived().callsPerSecond
    return Double(derived.shards ?? 0) * timing.callsPerSecond
      + derived.scopes.reduce(own) { $0 + timing.derived(limit: $1.maxDuration).callsPerSecond } * count
  }
}
