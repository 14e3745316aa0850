import Core
import Refresh
import Secrets

/// A store that is being written in slices. A role is written as it is when its turn comes; later changes are appended
/// to the draft, as they are to the store in use.
final class StoreDraft {
  let arena: SessionArena
  let name: String
  /// The ranges of the records of the settings in force, once all of them are in the draft.
  private(set) var settings: [Range<Int>] = []
  /// The highest session number in the draft.
  private(set) var lastRecorded: UInt64 = 0
  /// The roles and shards whose records, with the parameters of their sessions, are in the draft.
  var known: Set<SessionKey> = []
  private var batch = RecordBatch()
  private var roles: ArraySlice<RoleName>
  private var shards: ArraySlice<SessionKey>
  private var units: ArraySlice<UnitName>
  /// The settings' records in the store in use that aren't copied yet.
  private var settingsToCopy: (arena: SessionArena, ranges: ArraySlice<Range<Int>>)?

  init(
    _ arena: SessionArena, name: String, roles: [RoleName], shards: [SessionKey], units: [UnitName],
    copyingSettings settings: (arena: SessionArena, ranges: [Range<Int>])?
  ) {
    self.arena = arena
    self.name = name
    self.roles = roles[...]
    self.shards = shards[...]
    self.units = units[...]
    settingsToCopy = settings.map { ($0.arena, $0.ranges[...]) }
  }

  /// Replaces the settings that are still to be copied, since newer ones are in force. They are already in the arena,
  /// at these ranges.
  func replaceSettings(by ranges: [Range<Int>]) {
    settings = ranges
    settingsToCopy = nil
  }

  /// Writes a few roles, a few shards, a few units' sessions, or one file of the settings; false when nothing is left to write.
  func writeSome(
    of refresher: Refresher, _ unitSessions: (UnitName) -> [HandoverUnitSession]
  ) throws(SessionArena.Failure) -> Bool {
    if let (source, ranges) = settingsToCopy, let range = ranges.first {
      let start = arena.length
      try source.withBytes(range) { (bytes) throws(SessionArena.Failure) in try arena.append(bytes) }
      settings.append(start..<arena.length)
      settingsToCopy = (source, ranges.dropFirst())
      return true
    }
    // Reading the clock after each role would take as long as writing the role.
    let some = roles.prefix(8)
    roles = roles.dropFirst(some.count)
    for name in some { try write(refresher.roles[name], of: refresher) }
    if !some.isEmpty { return true }

    let someShards = shards.prefix(8)
    shards = shards.dropFirst(someShards.count)
    for key in someShards { try write(refresher.roles[key.role]?.derived(key), of: refresher) }
    if !someShards.isEmpty { return true }
    return try writeUnits(unitSessions)
  }

  /// Writes a role, or a shard of one. One by one: a batch of several would exceed the memory that secrets share, and need a mapping of its own.
  private func write(_ role: ManagedRole?, of refresher: Refresher) throws(SessionArena.Failure) {
    guard let role, role.generation > 0 || !role.machine.heldSessions.isEmpty else { return }
    let last = batch.add(role, isNew: true, sessions: refresher.sessions, above: 0)
    defer { batch.clear() }
    try batch.append(to: arena)
    known.insert(role.key)
    lastRecorded = max(lastRecorded, last)
  }

  private func writeUnits(_ sessions: (UnitName) -> [HandoverUnitSession]) throws(SessionArena.Failure) -> Bool {
    let some = units.prefix(8)
    units = units.dropFirst(some.count)
    for unit in some {
      for session in sessions(unit) {
        defer { batch.clear() }
        batch.add(.unitSession(session))
        try batch.append(to: arena)
      }
    }
    return !some.isEmpty
  }
}
