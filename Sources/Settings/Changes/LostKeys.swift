import Core

/// Keys that are no longer written in a table, and whose loss changes the settings.
struct LostKeys {
  private struct Table {
    let index: Int?
    private let keys: Set<String>
    /// The keys that the same table had; nil if another table was the file's last one, since then its keys aren't
    /// known.
    private let before: Set<String>?

    init(_ end: LastTable, _ before: LastTable?) {
      (index, keys) = (end.index, end.keys)
      self.before = before.flatMap { $0.path == end.path && $0.index == end.index ? $0.keys : nil }
    }

    /// Whether the key is no longer written. The value of a key that was never written changes for another reason: for
    /// example, the default group follows the owner.
    func hasLost(_ key: any SettingKey) -> Bool {
      !keys.contains(key.name) && before?.contains(key.name) ?? true
    }
  }

  /// Those whose loss readers would notice at once: a file's owner or format, the socket's path.
  private(set) var noticed: [String] = []
  private var others: [String] = []

  var all: [String] { noticed + others }

  typealias Settings = (whole: DaemonSettings, roles: [RoleName: RoleSettings])

  private let table: Table

  /// Compares the table `end`, which is in the new settings; `before` is the table in which the old file ended.
  init(at end: LastTable, before: LastTable?, from old: Settings, to new: Settings) {
    let table = Table(end, before)
    self.table = table
    func lost(_ key: any SettingKey, _ isOther: Bool, _ kept: inout [String]) {
      if isOther, table.hasLost(key) { kept.append(key.name) }
    }
    switch end.path.first {
    case Schema.socket.name where end.path.count == 1:
      let (before, after) = (old.whole.socket, new.whole.socket)
      lost(Schema.Socket.path, before.path != after.path, &noticed)
      lost(Schema.Socket.mode, before.mode != after.mode, &noticed)
      lost(Schema.Socket.group, before.gid != after.gid, &noticed)
      lost(Schema.Socket.maxConnections, before.maxConnections != after.maxConnections, &others)
      lost(Schema.Socket.maxConnectionsPerUID, before.maxConnectionsPerUID != after.maxConnectionsPerUID, &others)
    case Schema.credentials.name where end.path.count == 1:
      let (before, after) = (old.whole.credentials, new.whole.credentials)
      lost(Schema.Credentials.path, before?.path != after?.path, &noticed)
      lost(Schema.Credentials.wait, before?.wait != after?.wait, &others)
    case Schema.loopback.name where end.path.count == 1:
      lost(Schema.Loopback.listen, old.whole.loopback != new.whole.loopback, &noticed)
    case Schema.sts.name where end.path.count == 1:
      let (before, after) = (old.whole.sts, new.whole.sts)
      // Whoever writes regions has to remove endpoint, and the other way round.
      let isOther = before.endpoint != after.endpoint
      lost(Schema.STS.endpoint, isOther && before.regions.isEmpty && after.regions.isEmpty, &noticed)
      lost(
        Schema.STS.regions, isOther && !before.regions.isEmpty && !end.keys.contains(Schema.STS.endpoint.name), &noticed
      )
      lost(Schema.STS.vpc, before.isVPC && !after.isVPC && !after.regions.isEmpty, &noticed)
      lost(Schema.STS.fallbackEndpoints, before.fallbackEndpoints != after.fallbackEndpoints, &others)
      lost(Schema.STS.connectTimeout, before.connectTimeout != after.connectTimeout, &others)
      lost(Schema.STS.timeout, before.timeout != after.timeout, &others)
      lost(Schema.STS.requestsPerSecond, before.requestsPerSecond != after.requestsPerSecond, &others)
      lost(Schema.STS.burst, before.burst != after.burst, &others)
      lost(Schema.STS.fleetSize, before.fleetSize != after.fleetSize, &others)
    case Schema.unitJobs.name where end.path.count == 1:
      lost(Schema.UnitJobs.timeout, old.whole.unitJobTimeout != new.whole.unitJobTimeout, &others)
    case Schema.access.name where end.path.count == 1:
      lost(Schema.Access.adminUsers, old.whole.admins.uids != new.whole.admins.uids, &noticed)
      lost(Schema.Access.adminGroups, old.whole.admins.gids != new.whole.admins.gids, &noticed)
    case Schema.roles.name where end.path.count > 1:
      guard let name = RoleName(end.path[1]), let before = old.roles[name], let after = new.roles[name] else { return }
      switch end.path.dropFirst(2).first {
      case nil: compareRole(before, after)
      case Schema.Role.allow.name:
        lost(Schema.Allow.users, before.readers.uids != after.readers.uids, &noticed)
        lost(Schema.Allow.groups, before.readers.gids != after.readers.gids, &noticed)
        lost(Schema.Allow.units, before.readers.units != after.readers.units, &noticed)
        lost(Schema.Allow.hosts, before.readers.hosts != after.readers.hosts, &noticed)
      case Schema.Role.files.name: compareOutput(before, after)
      case Schema.Role.scopes.name: compareScope(end.path.dropFirst(3), before, after)
      default: break
      }
    default: break
    }
  }

  private mutating func compareRole(_ before: RoleSettings, _ after: RoleSettings) {
    func lost(_ key: any SettingKey, _ isOther: Bool) {
      if isOther, table.hasLost(key) { others.append(key.name) }
    }
    let (old, new) = (before.timing, after.timing)
    // A tier decides about these, so whoever moves a role to one has to remove them, and from one to write others.
    if (before.tier == nil) == (after.tier == nil) {
      lost(Schema.Role.sessionName, before.sessionName != after.sessionName)
      lost(Schema.Role.duration, old.duration != new.duration)
      // The defaults of these keys follow the duration.
      if old.duration == new.duration {
        lost(Schema.Role.maxDuration, old.maxDuration != new.maxDuration)
        lost(Schema.Role.refreshAfter, old.refreshAfter != new.refreshAfter)
      }
      lost(Schema.Role.source, before.source != after.source)
      lost(Schema.Role.pool, old.pool != new.pool)
    }
    lost(Schema.Role.floor, old.floor != new.floor)
    lost(Schema.Role.surviveOutage, old.surviveOutage != new.surviveOutage)
    lost(Schema.Role.lapseMargin, old.lapseMargin != new.lapseMargin)
    lost(Schema.Role.refreshUnits, before.refreshUnits != after.refreshUnits)
    lost(Schema.Role.required, before.isRequired != after.isRequired)
    let (users, newUsers) = (before.derivation.settings?.users, after.derivation.settings?.users)
    if (users == nil) != (newUsers == nil), table.hasLost(Schema.Role.sessionPer) {
      noticed.append(Schema.Role.sessionPer.name)
    }
    if let users, let newUsers {
      lost(Schema.Role.maxUsers, users.most != newUsers.most)
      lost(Schema.Role.sourceIdentity, users.isSourceIdentity != newUsers.isSourceIdentity)
    }
    let (shards, newShards) = (before.derivation.settings?.shards, after.derivation.settings?.shards)
    if (shards == nil) != (newShards == nil), table.hasLost(Schema.Role.sessionPer) {
      noticed.append(Schema.Role.sessionPer.name)
    }
    if let shards, let newShards { lost(Schema.Role.shards, shards != newShards) }
    if let idle = before.derivation.settings?.idle, let newIdle = after.derivation.settings?.idle {
      lost(Schema.Role.idle, idle != newIdle)
    }
  }

  /// `path` is that of the table below `scopes`.
  private mutating func compareScope(_ path: ArraySlice<String>, _ before: RoleSettings, _ after: RoleSettings) {
    guard let name = path.first.flatMap({ RoleName($0) }), let old = before.derivation.scope(name),
      let new = after.derivation.scope(name)
    else { return }
    func lost(_ key: any SettingKey, _ isOther: Bool, _ kept: inout [String]) {
      if isOther, table.hasLost(key) { kept.append(key.name) }
    }
    if path.count == 1 {
      lost(Schema.Scope.allow, old.readers != nil && new.readers == nil, &noticed)
      lost(Schema.Scope.maxDuration, old.maxDuration != new.maxDuration, &others)
      lost(Schema.Scope.sessionName, old.sessionName != new.sessionName, &others)
    } else {
      lost(Schema.Allow.users, old.readers?.uids != new.readers?.uids, &noticed)
      lost(Schema.Allow.groups, old.readers?.gids != new.readers?.gids, &noticed)
      lost(Schema.Allow.units, old.readers?.units != new.readers?.units, &noticed)
    }
  }

  private mutating func compareOutput(_ before: RoleSettings, _ after: RoleSettings) {
    guard let index = table.index, after.outputs.indices.contains(index) else { return }
    let new = after.outputs[index]
    guard let old = before.outputs.first(where: { $0.location == new.location }) else { return }
    func lost(_ key: any SettingKey, _ isOther: Bool) {
      if isOther, table.hasLost(key) { noticed.append(key.name) }
    }
    lost(Schema.Output.format, old.format != new.format)
    lost(Schema.Output.owner, old.uid != new.uid)
    // The default group follows the owner.
    if old.uid == new.uid { lost(Schema.Output.group, old.gid != new.gid) }
    lost(Schema.Output.mode, old.mode != new.mode)
  }
}
