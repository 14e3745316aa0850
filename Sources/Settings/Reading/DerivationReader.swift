import Core

/// Reads which sessions are derived from a role: `session_per` and what belongs to it, and `[roles.NAME.scopes.TASK]`.
struct DerivationReader {
  let table: TableReader
  let name: RoleName
  /// The account of the RAM role; nil if it isn't known for an error.
  let account: String?
  /// The role's session policy; nil if it has none, or a bad one.
  let rolePolicy: [UInt8]?
  /// Nil if it is bad.
  let roleTemplate: SessionNameTemplate?

  private typealias Keys = Schema.Role

  /// A shard's sessions outlive the time between two requests of a host.
  private static let leastIdleOfShards = Duration.minutes(15)

  /// Nil if an error was reported.
  func read(isPerUser: Bool, isPerShard: Bool) -> Derivation? {
    let users = users(isPerUser)
    let shards = shards(isPerShard)
    let idle = table.duration(Keys.idle)
    let nodes = table.nodes(Keys.scopes)
    let scopes = nodes.compactMap { scope($0, isPerUser: isPerUser) }
    if isPerUser { reportSharedNames(scopes) }
    if table.isWritten(Keys.idle), !isPerUser, !isPerShard, nodes.isEmpty {
      table.findings.warning(
        table.place(of: Keys.idle), "is for sessions of scopes, users and shards, and the role has none of them",
        "remove the line")
    }
    if isPerShard, let idle, idle < Self.leastIdleOfShards {
      table.findings.error(
        table.place(of: Keys.idle),
        "is \(idle.text), and other hosts may ask every \(RoleTiming.hostInterval.upperBound.text) only",
        "write idle = \"\(Self.leastIdleOfShards.text)\" or longer, or remove the line")
    }
    guard let users, let shards, let idle, scopes.count == nodes.count else { return nil }
    return Derivation(
      DerivedSettings(
        scopes: scopes.map(\.settings).sorted { $0.name < $1.name }, users: isPerUser ? users : nil,
        shards: isPerShard ? shards : nil, idle: idle))
  }

  private func shards(_ isPerShard: Bool) -> Int? {
    if !isPerShard, table.isWritten(Keys.shards) {
      table.findings.error(
        table.place(of: Keys.shards), "goes with session_per = \"shard\" only",
        "write session_per = \"shard\", or remove the line")
    }
    return table.integer(Keys.shards)
  }

  /// Reports scopes in which a user's session can have the name of another user's, of the role or of another scope.
  private func reportSharedNames(_ scopes: [(settings: ScopeSettings, nameText: String?, place: Place)]) {
    guard let roleTemplate else { return }
    let host = table.context.host.name
    var known = [roleTemplate.userPlace(host: host, role: name, scope: nil)].compactMap(\.self)
    for (scope, text, place) in scopes {
      let template = scope.sessionName ?? roleTemplate.withScope
      guard let own = template.userPlace(host: host, role: name, scope: scope.name) else { continue }
      if known.contains(where: { own.canShareName(with: $0) }) {
        table.findings.error(
          place,
          "is '\(text ?? "\(template)")', with which a user's session can have the name of another user's, in this role or another scope of it",
          "let it end in {user}@{scope}, or remove the line")
      }
      known.append(own)
    }
  }

  private func users(_ isPerUser: Bool) -> UserSessions? {
    let most = table.integer(Keys.maxUsers)
    let isSourceIdentity = table.flag(Keys.sourceIdentity)
    if !isPerUser {
      let others: [any SettingKey] = [Keys.maxUsers, Keys.sourceIdentity]
      for key in others where table.isWritten(key) {
        table.findings.error(
          table.place(of: key), "goes with session_per = \"user\" only",
          "write session_per = \"user\", or remove the line")
      }
    }
    guard let most, let isSourceIdentity else { return nil }
    return UserSessions(most: most, isSourceIdentity: isSourceIdentity)
  }

  private func scope(
    _ node: TOMLNode, isPerUser: Bool
  ) -> (settings: ScopeSettings, nameText: String?, place: Place)? {
    typealias Keys = Schema.Scope
    guard let scope = table.table(node, in: Schema.Role.scopes, Keys.table) else { return nil }
    let task = RoleName(node.key)
    if task == nil {
      table.findings.error(
        scope.place, "isn't a valid name for a scope", NameRule.remedy(for: node.key, in: "roles.\(name).scopes"))
    }
    let policy = policy(scope, of: task)
    let maxDuration = scope.duration(Keys.maxDuration)
    let template = sessionName(scope, task ?? name, isPerUser: isPerUser)
    let readers = readers(scope)
    guard let task, let policy, let template else { return nil }
    guard maxDuration != nil || !scope.isWritten(Keys.maxDuration) else { return nil }
    let isWritten = scope.isWritten(Keys.sessionName)
    let settings = ScopeSettings(
      name: task, policy: policy, maxDuration: maxDuration, sessionName: isWritten ? template : nil, readers: readers)
    return (settings, isWritten ? scope.text(Keys.sessionName) : nil, scope.place(of: Keys.sessionName))
  }

  private func policy(_ scope: TableReader, of task: RoleName?) -> [UInt8]? {
    let place = scope.place(of: Schema.Scope.policyFile)
    guard let path = scope.readPath(Schema.Scope.policyFile) else { return nil }
    if table.context.check != nil, let task { table.context.policies.note(path, of: name, scope: task) }
    guard let policy = table.context.policies.policy(in: path, namedAt: place) else { return nil }
    if rolePolicy != nil, let rolePath = table.readPath(Schema.Role.policyFile), let account {
      table.context.policies.checkCoverage(of: path, namedAt: place, by: rolePath, account: account)
    }
    return policy
  }

  /// The template of the scope's sessions, its own or the one that follows from the role's.
  private func sessionName(_ scope: TableReader, _ task: RoleName, isPerUser: Bool) -> SessionNameTemplate? {
    let key = Schema.Scope.sessionName
    let written = scope.text(key)
    if written == nil, scope.isWritten(key) { return nil }
    guard written != nil || roleTemplate != nil else { return nil }
    let text = written ?? "\(roleTemplate!.withScope)"
    do throws(SessionNameTemplate.Problem) {
      let template = try table.context.sessionName(text)
      if written != nil, template.namesShard { throw .notHere("{shard}", "which only a role's session_name may have") }
      if isPerUser, !template.namesUser { throw .lacksUser }
      if !isPerUser, template.namesUser { throw .notHere("{user}", "which goes with session_per = \"user\"") }
      let longest = template.naming(scope: task, user: UserLabel(uid: .max, name: nil), of: name)
      _ = try longest.expand(host: table.context.host.name, role: name, slot: "0")
      return template
    } catch {
      table.findings.error(scope.place(of: key), error.sentence(text), key.remedy())
      return nil
    }
  }

  private func readers(_ scope: TableReader) -> AccessRule? {
    let allow = scope.table(Schema.Scope.allow, Schema.Allow.table)
    let users = allow.principals(Schema.Allow.users)
    let groups = allow.principals(Schema.Allow.groups)
    let units = allow.unitPatterns(Schema.Allow.units)
    if allow.isWritten(Schema.Allow.hosts) {
      table.findings.error(
        allow.place(of: Schema.Allow.hosts), "goes with the allow of a role: other hosts get no scopes",
        "remove the line, or make a role with that policy")
    }
    for (user, place) in users { table.context.reach.add(user, at: place) }
    let rule = AccessRule(uids: Set(users.map(\.principal.id)), gids: Set(groups.map(\.principal.id)), units: units)
    return rule.isEmpty ? nil : table.context.shared(rule)
  }
}
