import Core
package import FileOutput
import Glibc
package import Logs
package import Refresh
package import Settings
package import Systemd

/// Writes generations to the file before they are published, so that the next process continues above them whenever this one ends. It
/// also writes the paths of outputs outside the roles' directory before these are written, so that the next process knows them whatever
/// its settings are.
///
/// The numbers are written in blocks ahead: a role reaches the end of its block every 64 rotations, and each write covers all roles. A
/// process that stops cleanly writes the numbers that were used, so that the next one is the next generation; after a crash the numbers
/// continue up to 64 higher. If the file can't be read, or couldn't be written, it isn't known what readers have seen. Then the numbers
/// continue from the clock, in milliseconds since 1970: no role has rotated that often. Writing is tried again every few seconds.
///
/// If sessions are handed over, the store has exact numbers, and the file has the number of the first store that is exact: an older one
/// lacks what a later process published. The file gets that number when the store has a new generation, and before it is published. So a
/// process that ends in between leaves a store that is as exact as before.
package final class GenerationReserve: RoleObserver {
  private static let block: UInt64 = 64

  private var file: GenerationFile
  private let refresher: Refresher
  private let log: Log
  private let scheduler: any Scheduler
  /// The outputs that the file has to name at present.
  package var outputs: () -> [RecordedOutput] = { [] }
  /// Those that an earlier process left in the file, until they are taken.
  private var formerOutputs: [RecordedOutput] = []
  /// The roles with files in the roles' directory at present.
  package var directories: () -> [RecordedDirectory] = { [] }
  /// Those that an earlier process left in the file.
  package private(set) var formerDirectories: [RecordedDirectory] = []
  /// The numbers that an earlier process left in the file, of roles that haven't published yet.
  private var formerNumbers: [RoleName: UInt64] = [:]
  /// The number of the first store that has all that is published from now on; nil where nothing is handed over.
  package var firstStore: () -> UInt64? = { nil }
  /// The same for all that was published; of what is handed over nothing is new.
  private var neededStore: UInt64?
  /// Whether an earlier process left a file that could be read.
  private var hasFormerFile = false
  /// What the file has.
  private var saved: (store: UInt64?, outputs: Set<RecordedOutput>, directories: Set<RecordedDirectory>) = (nil, [], [])
  /// When a write failed that none has followed which didn't.
  private var failed: Timestamp?
  private static let retryInterval = Duration.seconds(5)
  private var timer: (any Alarm)!

  /// Reads what the process before left; where that can't be used, the generations go on from the clock.
  package convenience init(_ settings: DaemonSettings, refresher: Refresher, scheduler: any Scheduler, log: Log) throws
  {
    try self.init(Self.file(settings), refresher: refresher, scheduler: scheduler, log: log)
  }

  init(_ file: GenerationFile, refresher: Refresher, scheduler: any Scheduler, log: Log) throws {
    self.file = file
    self.refresher = refresher
    self.log = log
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in retryFailed() }
    do throws(GenerationFile.Failure) {
      let found = try file.readIfThere()
      hasFormerFile = found != nil
      let content = found ?? GenerationFile.Content()
      neededStore = content.firstStore
      saved.store = content.firstStore
      formerNumbers = content.numbers
      refresher.goOnAbove(content.numbers, others: content.floor)
      formerOutputs = content.outputs
      formerDirectories = content.directories
    } catch {
      refresher.goOnAbove([:], others: UInt64(max(0, scheduler.wallMicroseconds / 1000)))
      log.write(.generationsNotRead, [.reason("\(error)")])
    }
  }

  /// In the unit's runtime directory, where it outlives the unit; outside of the unit beside the socket.
  private static func file(_ settings: DaemonSettings) -> GenerationFile {
    UnitRuntimeDirectory.path.map { GenerationFile(inRuntimeDirectory: $0) }
      ?? GenerationFile(path: ReservedNames.generations(besideSocket: settings.socket.path))
  }

  /// Tries what failed again, though no role rotates.
  func retryFailed() { if failed != nil { write(ahead: Self.block) } }

  package func willPublish(_ role: ManagedRole, generation: UInt64) {
    // A session that was handed over goes on under a number that the file covers already.
    if let number = formerNumbers.removeValue(forKey: role.name) {
      role.coveredGeneration = max(role.coveredGeneration, number)
    }
    if generation > role.generation { neededStore = firstStore() }
    guard generation > role.coveredGeneration || neededStore != saved.store else { return }
    // Each write is of all roles, and all of them may rotate at once.
    if let failed, scheduler.time - failed < Self.retryInterval { return }
    write(ahead: Self.block)
  }

  /// Whether the store of this number has all that was published under the numbers of the file. Where there is no file, or none that can be
  /// read, nothing says otherwise.
  package func isAll(inStore number: UInt64) -> Bool {
    !hasFormerFile || neededStore.map { $0 <= number } ?? false
  }

  /// Above the number of each store that the file knows of.
  package var nextStore: UInt64 { saved.store.map { $0 + 1 } ?? 1 }

  /// The outputs that an earlier process recorded; empty from the second time on.
  package func takeFormerOutputs() -> [RecordedOutput] {
    defer { formerOutputs = [] }
    return formerOutputs
  }

  /// Before any of `new` is written, while `outputs` and `directories` may still be those of before.
  package func cover(_ new: [RecordedOutput], _ newDirectories: [RecordedDirectory] = []) {
    let isNamed = Set(saved.outputs.lazy.map(\.asPlanned)).isSuperset(of: new.lazy.map(\.asPlanned))
    guard !isNamed || !saved.directories.isSuperset(of: newDirectories) else { return }
    write(ahead: Self.block, naming: new, newDirectories)
  }

  /// Updates the file if the outputs that are written have changed.
  package func coverWritten() { if Set(outputs()) != saved.outputs { write(ahead: Self.block) } }

  /// Nothing will be published any more.
  package func settle() { write(ahead: 0) }

  /// Continues in the file that belongs to the new settings.
  package func move(to settings: DaemonSettings) {
    let old = file
    file = Self.file(settings)
    guard old.path != file.path else { return }
    write(ahead: Self.block)
    old.remove()
  }

  private func write(
    ahead: UInt64, naming new: [RecordedOutput] = [], _ newDirectories: [RecordedDirectory] = []
  ) {
    let roles = refresher.roles.values
    let present = outputs()
    let known = Set(present.lazy.map(\.asPlanned))
    let named = Set(present + new.filter { !known.contains($0.asPlanned) })
    let namedDirectories = Set(directories() + newDirectories)
    do throws(GenerationFile.Failure) {
      let numbers = roles.lazy.map { ($0.name, $0.machine.generation + ahead) }
      try file.write(
        Array(numbers) + refresher.generationsOfRemovedRoles.map { ($0.key, $0.value) },
        floor: refresher.generationFloor, firstStore: neededStore, outputs: Array(named),
        directories: Array(namedDirectories))
    } catch {
      // What the file says is true as long as nothing beyond it was published.
      let isTrue = roles.allSatisfy { $0.machine.generation <= $0.coveredGeneration }
      let isSafe = isTrue || file.spoil()
      if failed == nil {
        let fix = error.fix.map { [LogField.advice("\($0); it is tried again by itself")] } ?? []
        log.write(isSafe ? .generationsNotSaved : .generationsNotSavedNorSpoiled, [.reason("\(error)")] + fix)
      }
      failed = scheduler.time
      timer.arm(at: scheduler.time.microseconds + Self.retryInterval.microseconds)
      return
    }
    if failed != nil { log.write(.generationsSavedAgain, [.path(file.path)]) }
    failed = nil
    saved = (neededStore, named, namedDirectories)
    for role in roles { role.coveredGeneration = role.machine.generation + ahead }
  }
}
