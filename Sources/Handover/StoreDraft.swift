import Core
import Refresh
import Secrets

/// A store that is being written, piece by piece: what it has of a role is what is true when its turn comes, and what changes later is appended
/// to it as to the one in use.
final class StoreDraft {
  let arena: SessionArena
  let name: String
  /// Where the settings in force are in it, once they are all there.
  private(set) var settings: [Range<Int>] = []
  /// The highest number of a session in it.
  private(set) var lastRecorded: UInt64 = 0
  /// The roles that are in it with what their sessions were issued for.
  var known: Set<RoleName> = []
  private var batch = RecordBatch()
  private var roles: ArraySlice<RoleName>
  private var units: ArraySlice<UnitName>
  /// The settings' records in the store in use that aren't copied yet.
  private var settingsToCopy: (arena: SessionArena, ranges: ArraySlice<Range<Int>>)?

  init(
    _ arena: SessionArena, name: String, roles: [RoleName], units: [UnitName],
    copyingSettings settings: (arena: SessionArena, ranges: [Range<Int>])?
  ) {
    self.arena = arena
    self.name = name
    self.roles = roles[...]
    self.units = units[...]
    settingsToCopy = settings.map { ($0.arena, $0.ranges[...]) }
  }

  /// Replaces the settings to copy: others are in force by now, and already in the arena, at these places.
  func replaceSettings(by ranges: [Range<Int>]) {
    settings = ranges
    settingsToCopy = nil
  }

  /// Writes a few roles, a few units' sessions, or one file of the settings; false when nothing is left to write.
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
    // To look at the clock for each would take as long as to write it.
    let some = roles.prefix(8)
    guard !some.isEmpty else { return try writeUnits(unitSessions) }
    roles = roles.dropFirst(some.count)
    for name in some {
      guard let role = refresher.roles[name], role.generation > 0 || !role.machine.heldSessions.isEmpty else {
        continue
      }
      // One by one: a batch of several would be too large for the memory that secrets share, and cost a mapping of its own.
      let last = batch.add(role, isNew: true, sessions: refresher.sessions, above: 0)
      defer { batch.clear() }
      try batch.append(to: arena)
      known.insert(name)
      lastRecorded = max(lastRecorded, last)
    }
    return true
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
