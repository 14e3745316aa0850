import Core

/// Reads `[roles.NAME]`.
struct RoleReader {
  let table: TableReader
  let name: RoleName
  let sources: SourceNames
  let requestTimeout: Duration

  private typealias Keys = Schema.Role

  /// Nil if an error was reported.
  func read(outputs: OutputReader) -> RoleSettings? {
    let source = source()
    if let source, let fallback = table.context.upstreams[source] {
      return tierRole(of: source, fallback, outputs: outputs)
    }
    let arn = arn(from: source)
    let timing = timing()
    let sharing = table.choice(Keys.sessionPer)
    let (isPerUser, isPerShard) = (sharing == "user", sharing == "shard")
    let template = sessionName(pool: timing?.pool ?? 1, isPerUser: isPerUser, isPerShard: isPerShard)
    let policy = policy()
    let externalID = externalID()
    if let source, let timing { warnOfChaining(source, timing) }
    table.context.parametersOfSignature[name] = [(Keys.externalID as any SettingKey), Keys.sourceIdentity]
      .filter { table.isWritten($0) }.map { ($0.name, table.place(of: $0)) }
    let isRequired = isRequired()
    let readers = readers(isPerUser: isPerUser)
    let refreshUnits = table.servicePatterns(Keys.refreshUnits)
    let files = outputs.read(table.tables(Keys.files, Schema.Output.table), of: name)
    let derivation = DerivationReader(
      table: table, name: name, account: arn?.account, rolePolicy: policy, roleTemplate: template
    ).read(isPerUser: isPerUser, isPerShard: isPerShard)
    if isPerShard, readers.hosts.isEmpty {
      table.findings.warning(
        table.place(of: Keys.sessionPer),
        "is \"shard\", and the role's allow names no hosts, which alone are divided into shards",
        "write hosts = \(Schema.Allow.hosts.example) in its allow, or remove the line")
    }
    guard let arn, let timing, let template, let source, let isRequired, let derivation else { return nil }
    var role = RoleSettings(
      name: name, arn: arn, timing: timing, sessionName: template, policy: policy, externalID: externalID,
      source: source, isRequired: isRequired, readers: readers, outputs: files, refreshUnits: refreshUnits)
    role.derivation = derivation
    table.context.derivedCallsPerSecond += role.derivedCallsPerSecond
    return role
  }

  /// A missing one is reported only if the source is known to need it: a role of a tier has none.
  private func arn(from source: String?) -> RoleARN? {
    if table.isWritten(Keys.arn) { return RoleARN.read(table, Keys.arn) }
    guard let source else {
      // Without any source, a role most likely needs one that signs.
      if sources.names.isEmpty, !table.isWritten(Keys.source) { table.reportMissing(Keys.arn) }
      return nil
    }
    guard sources.names.contains(source), !table.context.sourcesOfNoType.contains(source) else { return nil }
    // With a fallback, a role of the tier needs its ARN, too.
    let tiers = table.context.upstreams.filter { if case .direct = $0.value { false } else { true } }.keys.sorted()
      .map { "\(Keys.source.name) = \"\($0)\"" }
    table.reportMissing(
      Keys.arn, or: tiers.isEmpty ? nil : "write \(tiers.joined(separator: " or ")) if the role comes from a tier")
    return nil
  }

  func isRequired() -> Bool? {
    let isRequired = table.flag(Keys.required)
    if isRequired == true, table.context.requiredPlace == nil {
      table.context.requiredPlace = table.place(of: Keys.required)
    }
    return isRequired
  }

  func sessionName(pool: Int, isPerUser: Bool = false, isPerShard: Bool = false) -> SessionNameTemplate? {
    let standard: SessionNameTemplate? = isPerUser ? .standardWithUser : isPerShard ? .standardWithShard : nil
    let implied = table.isWritten(Keys.sessionName) ? nil : standard.map { "\($0)" }
    guard let text = implied ?? table.text(Keys.sessionName) else { return nil }
    do throws(SessionNameTemplate.Problem) {
      let template = try table.context.sessionName(text)
      if template.namesScope { throw .notHere("{scope}", "which only a scope's session_name may have") }
      if template.namesUser != isPerUser {
        throw isPerUser
          ? .lacksUser : .notHere("{user}", "which goes with session_per = \"user\"")
      }
      if template.namesShard != isPerShard {
        throw isPerShard ? .lacksShard : .notHere("{shard}", "which goes with session_per = \"shard\"")
      }
      _ = try template.expand(host: table.context.host.name, role: name, slot: "\(max(0, pool - 1))")
      let last = template.naming(shard: Int(Keys.shards.allowed.upperBound) - 1)
      _ = try last.expand(host: table.context.host.name, role: name, slot: "0")
      // The longest label that can't be shortened.
      let longest = template.naming(scope: nil, user: UserLabel(uid: .max, name: nil), of: name)
      _ = try longest.expand(host: table.context.host.name, role: name, slot: "0")
      return template
    } catch {
      var key = Keys.sessionName.naming(isPerUser ? ["{user}"] : isPerShard ? ["{shard}"] : [])
      if let standard { key.standard = "\(standard)" }
      table.findings.error(table.place(of: key), error.sentence(text), key.remedy())
      return nil
    }
  }

  func policy() -> [UInt8]? {
    guard let path = table.readPath(Keys.policyFile) else { return nil }
    if table.context.check != nil { table.context.policies.note(path, of: name) }
    return table.context.policies.policy(in: path, namedAt: table.place(of: Keys.policyFile))
  }

  /// By the STS API reference, AssumeRole, parameter ExternalId.
  func externalID() -> String? {
    guard let text = table.text(Keys.externalID) else { return nil }
    let marks = Set("_+=,.@:/-".utf8)
    let isPlain = text.utf8.allSatisfy { $0.isLetterOrDigit || marks.contains($0) }
    guard (2...1224).contains(text.utf8.count), isPlain else {
      // RAM doesn't consider it a secret, but messages don't repeat it.
      table.findings.error(
        table.place(of: Keys.externalID), "is no ExternalId", Keys.externalID.remedy()
      )
      return nil
    }
    return text
  }

  private func source() -> String? {
    let place = table.place(of: Keys.source)
    if let text = table.text(Keys.source) {
      guard !sources.isKnown(text) else { return text }
      let near = Spelling.nearest(to: text, among: sources.names) ?? sources.names.first
      table.findings.error(
        place, "is '\(text)', and there is no [source.\(text)]",
        // Without the line, the only source is the role's.
        sources.names.count == 1
          ? Keys.source.remedy("\"\(sources.names[0])\"") : Keys.source.requiredRemedy(near.map { "\"\($0)\"" }))
      return nil
    }
    guard !table.isWritten(Keys.source), sources.areComplete, table.reportsMissing else { return nil }
    switch sources.names.count {
    case 0:
      // If there are no sources at all, that is reported once, not for each role.
      return nil
    case 1: return sources.names[0]
    default:
      table.findings.error(
        place, "is missing, and there are \(sources.names.count) sources",
        "write whose credential is this role's: "
          + sources.names.map { "\(Keys.source.name) = \"\($0)\"" }.joined(separator: " or "))
      return nil
    }
  }

  /// No page of the vendor says whether AssumeRole issues sessions of more than an hour to a session (?); on AWS it doesn't.
  private func warnOfChaining(_ source: String, _ timing: RoleTiming) {
    guard table.context.check != nil, table.context.chainingSources.contains(source) else { return }
    let longest = Duration.hours(1)
    let key: DurationKey
    let duration: Duration
    switch (timing.duration > longest, timing.maxDuration > longest) {
    case (true, _): (key, duration) = (Keys.duration, timing.duration)
    case (false, true): (key, duration) = (Keys.maxDuration, timing.maxDuration)
    case (false, false): return
    }
    table.findings.warning(
      table.place(of: key),
      "is \(duration.text), and source '\(source)' signs with a session: Alibaba Cloud doesn't document whether a session may assume a role for more than \(longest.text)",
      "write \(key.name) = \"\(longest.text)\", or try it: rolekeeper check --online --role \(name)")
  }

  func readers(isPerUser: Bool) -> AccessRule {
    let allow = table.table(Keys.allow, Schema.Allow.table)
    let users = allow.principals(Schema.Allow.users)
    let groups = allow.principals(Schema.Allow.groups)
    let units = allow.unitPatterns(Schema.Allow.units)
    let hosts = allow.hostPatterns(Schema.Allow.hosts)
    if !hosts.isEmpty, isPerUser {
      table.findings.error(
        allow.place(of: Schema.Allow.hosts), "goes with sessions that readers share, and session_per is \"user\"",
        "remove session_per, or give the hosts a role of their own")
    }
    for (user, place) in users { table.context.reach.add(user, at: place) }
    reportNobody(allow)
    return table.context.shared(
      AccessRule(
        uids: Set(users.map(\.principal.id)), gids: Set(groups.map(\.principal.id)), units: units, hosts: hosts))
  }

  /// Reports a role that nobody may read. A list that a template left empty looks as if it let somebody in. A role
  /// without readers and files may have lost them with the end of its file; or only root is meant to read it, which the
  /// daemon needn't report at each start.
  private func reportNobody(_ allow: TableReader) {
    guard table.reportsMissing, allow.isEmptyList(Schema.Allow.users), allow.isEmptyList(Schema.Allow.groups),
      allow.isEmptyList(Schema.Allow.units), allow.isEmptyList(Schema.Allow.hosts)
    else { return }
    // A misspelt key or a value of another type was reported.
    let isAllowRead = table.member(Keys.allow).map { if case .table = $0.value { true } else { false } }
    guard isAllowRead ?? !table.isMisspelt(Keys.allow), !allow.isMisspelt(Schema.Allow.users),
      !allow.isMisspelt(Schema.Allow.groups), !allow.isMisspelt(Schema.Allow.units),
      !allow.isMisspelt(Schema.Allow.hosts)
    else { return }
    let hasOthers = hasFiles || table.isWritten(Keys.scopes) || table.context.lendingRoles.contains(name)
    if table.context.check != nil, !hasOthers {
      table.context.unreadRoles.append((name, table.place(of: Keys.allow)))
      return
    }
    guard Schema.Allow.table.keys.contains(where: { allow.isWritten($0) }) else { return }
    table.findings.note(
      table.place(of: Keys.allow),
      "names nobody, so only root, the daemon's user and the admins may read the role over the socket",
      "name its readers, or remove allow if that is meant")
  }

  /// Warns of the roles that nobody may read, all in one line.
  static func reportUnread(in context: LoadContext) {
    guard let (name, place) = context.unreadRoles.first else { return }
    let others = context.unreadRoles.dropFirst().map { "'\($0.name)'" }
    let rule = "users = [\"root\"] says that root alone is meant"
    if others.isEmpty {
      context.findings.warning(
        place, "names nobody, and the role has no file, so only root and the admins get its credential",
        "write its readers, as allow = \(Keys.allow.example), or [[roles.\(name).files]]; \(rule)")
    } else {
      context.findings.warning(
        place,
        "names nobody, and the role has no file, so only root and the admins get its credential; the same applies to \(others.count == 1 ? "role" : "roles") \(others.joined(separator: ", "))",
        "write their readers, as allow = \(Keys.allow.example), or [[roles.NAME.files]]; \(rule)")
    }
  }

  /// Whether files are configured, with or without errors.
  private var hasFiles: Bool {
    guard let node = table.member(Keys.files) else { return table.isMisspelt(Keys.files) }
    if case .array(let items) = node.value { return !items.isEmpty }
    return true
  }

  private func timing() -> RoleTiming? {
    let duration = table.duration(Keys.duration)
    let maxDuration = table.duration(Keys.maxDuration)
    let refreshAfter = table.duration(Keys.refreshAfter)
    let pool = table.integer(Keys.pool)
    let floor = table.duration(Keys.floor)
    let surviveOutage = table.duration(Keys.surviveOutage)
    let lapseMargin = table.duration(Keys.lapseMargin)
    guard let duration else { return nil }
    var isInRange = true
    if let maxDuration, maxDuration < duration {
      table.reportRange(
        Keys.maxDuration, maxDuration, duration...Keys.maxDuration.allowed.upperBound, because: " with this duration")
      isInRange = false
    }
    if let refreshAfter, refreshAfter > duration {
      table.reportRange(
        Keys.refreshAfter, refreshAfter, Keys.refreshAfter.allowed.lowerBound...duration, because: " with this duration"
      )
      isInRange = false
    }
    guard isInRange, let pool, let floor, let surviveOutage, let lapseMargin else { return nil }
    guard refreshAfter != nil || !table.isWritten(Keys.refreshAfter) else { return nil }
    let timing = RoleTiming(
      duration: duration, maxDuration: maxDuration, pool: pool, refreshAfter: refreshAfter, floor: floor,
      surviveOutage: surviveOutage, lapseMargin: lapseMargin)
    prove(timing)
    table.context.timings.append(timing)
    return timing
  }

  private func prove(_ timing: RoleTiming) {
    let proof = TimingProof(
      timing: timing, requestTimeout: requestTimeout, isRefreshWritten: table.isWritten(Keys.refreshAfter),
      servesHosts: table.hasHosts)
    guard !proof.holds else { return }
    let ways = proof.alternatives
    table.findings.error(
      table.place, proof.problem,
      ways.isEmpty
        ? "remove duration, refresh_after, pool, floor and survive_outage: their defaults hold it"
        : "write \(ways.joined(separator: ", or "))")
  }
}

/// The names of the sources, and whether they are complete.
struct SourceNames {
  /// In the order of the settings file.
  let names: [String]
  /// False if the main file couldn't be read, so that the roles' sources can't be checked.
  let areComplete: Bool
  private let set: Set<String>

  init(_ names: [String], areComplete: Bool) {
    self.names = names
    self.areComplete = areComplete
    set = Set(names)
  }

  func isKnown(_ name: String) -> Bool { !areComplete || set.contains(name) }
}

extension TextKey {
  /// The same for a role whose `session_name` may have these placeholders besides the usual ones.
  fileprivate func naming(_ places: [String]) -> TextKey {
    let all = ["{host}", "{role}", "{slot}"] + places
    var key = self
    key.form = "2 to 64 of A-Z a-z 0-9 . @ - _ with \(all.dropLast().joined(separator: ", ")) and \(all.last!)"
    return key
  }
}

extension SessionNameTemplate.Problem {
  func sentence(_ text: String) -> String {
    switch self {
    case .unknownPlace(let name):
      "is '\(text)', and there is no {\(name)}: places are {host}, {role}, {slot}, {scope}, {user} and {shard}"
    case .unclosedPlace: "is '\(text)', and its '{' has no '}'"
    case .badCharacter(let character):
      "is '\(text)', and a session name can't have '\(character)', only A-Z a-z 0-9 . @ - _"
    case .tooShort: "is '\(text)', which becomes shorter than 2 characters"
    case .notHere(let place, let reason): "is '\(text)', and has \(place), \(reason)"
    case .lacksShard: "is '\(text)', and lacks {shard}, so that all shards' sessions would have one name"
    case .lacksUser: "is '\(text)', and lacks {user}, so that all users' sessions would have one name"
    case .tooLong(let count):
      "is '\(text)', which becomes \(count) characters long, allowed are \(SessionNameTemplate.maxLength)"
    }
  }
}
