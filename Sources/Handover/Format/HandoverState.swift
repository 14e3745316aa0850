package import Core
package import Refresh
package import Settings

/// A reload of a role's services that isn't over.
package struct UnitReload: Equatable {
  package let generation: UInt64
  /// The services that need none for this generation any more.
  package internal(set) var done: Set<UnitName>

  package init(generation: UInt64, done: Set<UnitName> = []) {
    self.generation = generation
    self.done = done
  }
}

/// The content of a store: the latest record about each thing.
package struct HandoverState {
  /// A role and the sessions that it held, in the order in which they were issued.
  package struct Role {
    package let role: HandoverRole
    package fileprivate(set) var sessions: [HandoverSession] = []

    fileprivate mutating func take(_ session: HandoverSession) {
      guard let place = role.rotation.held.firstIndex(of: session.number) else { return }
      sessions.removeAll { $0.number == session.number }
      let before = role.rotation.held[..<place]
      sessions.insert(session, at: sessions.count { before.contains($0.number) })
    }
  }

  /// What a unit has had in one invocation.
  package struct Unit {
    package let invocation: String
    /// By role.
    package fileprivate(set) var sessions: [RoleName: HandoverUnitSession] = [:]
  }

  package private(set) var roles: [RoleName: Role] = [:]
  /// What the shards of other hosts have of each role, by the shard's number.
  package private(set) var shards: [RoleName: [Int: Role]] = [:]
  /// The last generation of each role that was removed from the settings.
  package private(set) var removedGenerations: [RoleName: UInt64] = [:]
  package private(set) var generationFloor: UInt64 = 0
  /// The expiration of each session that STS refuses, by AccessKeyId.
  package private(set) var condemned: [String: UTCTime] = [:]
  package private(set) var clock: ServerClock.Estimate?
  /// By source name.
  package private(set) var proofs: [String: HandoverProof] = [:]
  /// The settings that were in force last.
  package private(set) var settings: SettingsContent?

  /// What each unit had in its latest invocation.
  package private(set) var units: [UnitName: Unit] = [:]

  /// The roles some of whose services have yet to be reloaded.
  package private(set) var unitReloads: [RoleName: UnitReload] = [:]

  /// Settings that aren't complete yet.
  private var unfinished: (number: UInt32, content: SettingsContent, records: UInt32)?

  package init() {}

  /// Reads a whole store from `image`, which was written in the boot `boot`.
  ///
  /// Bytes after the committed length were being appended when the process ended, and are ignored. Every byte within it
  /// must be right. A damaged store isn't used in part: a condemned session might return, or a generation go down.
  package init(reading image: Span<UInt8>, boot: BootID) throws(StoreDefect) {
    let end = try StoreHeader.length(of: image, boot: boot)
    var place = StoreHeader.size
    while place < end { apply(try RecordCoding.record(in: image, at: &place, end: end)) }
  }

  /// Applies the next record.
  package mutating func apply(_ record: HandoverRecord) {
    switch record {
    case .role(let role):
      roles[role.name] = Self.role(role, after: roles[role.name])
      removedGenerations[role.name] = nil
    case .rotation(let rotation):
      if let known = roles[rotation.role] { roles[rotation.role] = Self.role(rotation, after: known) }
    case .session(let session):
      if condemned[session.accessKeyID] == nil { roles[session.role]?.take(session) }
    case .condemned(let accessKeyID, let expiration):
      condemned[accessKeyID] = expiration
      // A session belongs to one role only; the record doesn't say which, to save space.
      for name in roles.keys { roles[name]?.sessions.removeAll { $0.accessKeyID == accessKeyID } }
      for (name, all) in shards {
        for shard in all.keys { shards[name]?[shard]?.sessions.removeAll { $0.accessKeyID == accessKeyID } }
      }
      dropUnitSessions { $0.session.accessKeyID == accessKeyID }
    case .roleRemoved(let role, let generation):
      roles[role] = nil
      shards[role] = nil
      removedGenerations[role] = generation
      unitReloads[role] = nil
      dropUnitSessions { $0.session.role == role }
    case .generationFloor(let generation): generationFloor = max(generationFloor, generation)
    case .clock(let estimate): clock = estimate
    case .proof(let proof): proofs[proof.source] = proof
    case .settingsFile(let number, let file): takeSettings(number) { $0.add(file) }
    case .settingsDirectory(let number, let directory): takeSettings(number) { $0.directories.append(directory) }
    case .settingsInForce(let number, let records): finishSettings(number, records: records)
    case .unitSession(let one): take(one)
    case .reloadDue(let role, let generation): unitReloads[role] = UnitReload(generation: generation)
    case .unitReloaded(let role, let generation, let unit):
      if unitReloads[role]?.generation == generation { unitReloads[role]?.done.insert(unit) }
    case .reloadOver(let role): unitReloads[role] = nil
    case .ofShard(let shard, let record): apply(record, ofShard: shard)
    }
  }

  private mutating func apply(_ record: HandoverRecord, ofShard shard: Int) {
    switch record {
    case .role(let role): shards[role.name, default: [:]][shard] = Self.role(role, after: shards[role.name]?[shard])
    case .rotation(let rotation):
      if let known = shards[rotation.role]?[shard] {
        shards[rotation.role]?[shard] = Self.role(rotation, after: known)
      }
    case .session(let session):
      if condemned[session.accessKeyID] == nil { shards[session.role]?[shard]?.take(session) }
    case .roleRemoved(let role, _): shards[role]?[shard] = nil
    default: break
    }
  }

  private mutating func take(_ one: HandoverUnitSession) {
    var unit = units[one.unit] ?? Unit(invocation: one.invocation)
    if unit.invocation != one.invocation { unit = Unit(invocation: one.invocation) }
    if condemned[one.session.accessKeyID] == nil { unit.sessions[one.session.role] = one }
    units[one.unit] = unit
  }

  private mutating func dropUnitSessions(where isGone: (HandoverUnitSession) -> Bool) {
    for (name, unit) in units where unit.sessions.contains(where: { isGone($0.value) }) {
      units[name]?.sessions = unit.sessions.filter { !isGone($0.value) }
    }
  }

  private static func role(_ role: HandoverRole, after known: Role?) -> Role {
    var new = Role(role: role)
    for session in known?.sessions ?? [] { new.take(session) }
    return new
  }

  private static func role(_ rotation: HandoverRotation, after known: Role) -> Role {
    role(HandoverRole(origin: known.role.origin, rotation: rotation), after: known)
  }

  private mutating func takeSettings(_ number: UInt32, _ add: (inout SettingsContent) -> Void) {
    var (content, records) =
      unfinished.flatMap { $0.number == number ? ($0.content, $0.records) : nil } ?? (SettingsContent(), 0)
    unfinished = nil
    add(&content)
    records += 1
    unfinished = (number, content, records)
  }

  private mutating func finishSettings(_ number: UInt32, records: UInt32) {
    guard let known = unfinished, known.number == number, known.records == records else { return }
    settings = known.content
    unfinished = nil
  }
}

extension SettingsContent {
  /// Adds a file, or the next part of the file that was added last.
  fileprivate mutating func add(_ file: File) {
    guard let last = files.last, last.path == file.path else { return files.append(file) }
    files[files.count - 1] = File(path: file.path, bytes: last.bytes + file.bytes)
  }
}
