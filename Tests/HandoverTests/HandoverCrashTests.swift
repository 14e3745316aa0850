import Core
import FileOutput
import Glibc
import Logs
import Refresh
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing

@testable import Handover
@testable import RuntimeState

/// A process that is killed between any two steps of recording and publishing: the next one has the generations and
/// keys that readers know.
@Suite struct HandoverCrashTests {
  /// What readers of a role get.
  private struct Seen: Equatable {
    let generation: UInt64
    let keyID: String?

    init?(_ role: ManagedRole) {
      guard let current = role.current else { return nil }
      (generation, keyID) = (role.generation, current.session.accessKeyID)
    }
  }

  /// An observer between two others; each of its calls is a moment at which a kill may happen.
  private final class Probe: RoleObserver {
    private let moment: () -> Void

    init(_ moment: @escaping () -> Void) { self.moment = moment }

    func willPublish(_ role: ManagedRole, generation: UInt64) { moment() }
    func didPublish(_ role: ManagedRole) { moment() }
    func didWithdraw(_ role: ManagedRole) { moment() }
    func didAttempt(_ role: ManagedRole) { moment() }
  }

  /// One of several consecutive processes, with the same service manager and the same file.
  private final class Process {
    let bench: Bench
    let reserve: GenerationReserve
    let writer: HandoverWriter
    private let found: InheritedStore
    private let isExact: Bool

    init(_ manager: FakeDescriptorStore, _ file: GenerationFile, at now: Timestamp?) throws {
      bench = try Bench()
      if let now { bench.scheduler.time = now }
      let log = LogRecorder().log
      reserve = try GenerationReserve(file, refresher: bench.refresher, scheduler: bench.scheduler, log: log)
      let found = manager.inherit()
      self.found = found
      isExact = found.number.map { [reserve] in reserve.isAll(inStore: $0) } ?? false
      writer = try HandoverWriter(
        boot: Samples.boot,
        after: HandoverWriter.Predecessors(names: found.names, nextNumber: max(found.next, reserve.nextStore)),
        refresher: bench.refresher, manager: manager, scheduler: bench.scheduler, log: log)
      reserve.firstStore = { [unowned writer] in writer.firstStore }
    }

    func keep(_ roles: [RoleSettings]) {
      bench.refresher.add(roles.map { ($0, 0, found.state?.resumed($0, isGenerationExact: isExact)) })
    }

    func rotate() {
      for role in bench.refresher.rolesInOrder { bench.refresher.send(.refreshRequested, to: role) }
      bench.advance(.seconds(5))
      bench.grantAll()
    }

    var seen: [RoleName: Seen] {
      bench.refresher.roles.compactMapValues { Seen($0) }
    }
  }

  private let directory: TemporaryDirectory
  private let manager = FakeDescriptorStore()
  private let roles = ["a", "b"].map { Bench.role($0) }

  init() throws { directory = try TemporaryDirectory() }

  private var file: GenerationFile { GenerationFile(path: directory.path("generations")) }

  private func recorded(in settingsFile: String) throws -> RecordedDirectory {
    try #require(RecordedDirectory(line: ["directory", "a", settingsFile[...]]))
  }

  /// What readers would get from a process that starts now, while this one continues.
  private func seenByNext(at now: Timestamp) throws -> [RoleName: Seen] {
    let copy = directory.path("copy")
    unlink(copy)
    if let text = FileText.read(file.path) { try directory.write(text, to: "copy") }
    let next = try Process(manager, GenerationFile(path: copy), at: now)
    next.bench.refresher.setObservers([next.reserve])
    next.keep(roles)
    return next.seen
  }

  /// A process that calls `check` at each of its steps.
  private func process(after before: Process?, _ check: @escaping (Process) -> Void) throws -> Process {
    let process = try Process(manager, file, at: before?.bench.now)
    let probe = Probe { [unowned process] in check(process) }
    manager.requested = { [unowned process] in check(process) }
    process.bench.refresher.setObservers([probe, process.writer, probe, process.reserve, probe])
    probes.all.append(probe)
    return process
  }

  private final class Probes { var all: [Probe] = [] }
  private let probes = Probes()

  @Test func `killed at any moment, the process leaves the generations and keys that readers know, without gaps`()
    throws
  {
    var moments = 0
    var isChecking = false
    func check(_ process: Process) {
      // Requests of the next process aren't such steps.
      if isChecking { return }
      isChecking = true
      defer { isChecking = false }
      moments += 1
      do {
        let next = try seenByNext(at: process.bench.now)
        for (name, seen) in process.seen {
          let found = try #require(next[name], "moment \(moments)")
          #expect(found.generation >= seen.generation && found.generation <= seen.generation + 1, "moment \(moments)")
          #expect(found.generation != seen.generation || found.keyID == seen.keyID, "moment \(moments)")
        }
      } catch {
        Issue.record(error, "moment \(moments)")
      }
    }

    // Both hold `check`, which holds both.
    defer {
      manager.requested = {}
      probes.all = []
    }
    var process = try process(after: nil, check)
    process.keep(roles)
    process.writer.begin(settings: SettingsContent())
    process.bench.scheduler.settle()
    process.bench.grantAll()
    for _ in 0..<3 { process.rotate() }

    for round in 0..<4 {
      let before = process
      process = try self.process(after: before, check)
      process.keep(roles)
      #expect(process.seen == before.seen)
      process.writer.begin(settings: SettingsContent())
      // The file is written again while only the previous process's store is complete.
      process.reserve.retryFailed()
      process.reserve.cover([], [try recorded(in: "/\(round)")])
      check(process)
      // In some rounds, the first rotation comes before the store is complete.
      if round.isMultiple(of: 2) { process.bench.scheduler.settle() }
      process.rotate()
      process.bench.scheduler.settle()
      process.rotate()
      if round == 3 { process.reserve.settle() }
      check(process)
    }
    #expect(moments > 100)
  }

  /// Its generations would have been used a second time, for other keys.
  @Test func `if the manager never got the last process's store, generations continue above all that readers saw`()
    throws
  {
    let first = try process(after: nil) { _ in }
    first.keep(roles)
    first.writer.begin(settings: SettingsContent())
    first.bench.scheduler.settle()
    first.bench.grantAll()
    manager.isDeaf = true
    let second = try process(after: first) { _ in }
    second.keep(roles)
    second.writer.begin(settings: SettingsContent())
    second.bench.scheduler.settle()
    #expect(try seenByNext(at: second.bench.now) == first.seen, "nothing new was published")
    second.rotate()
    let third = try seenByNext(at: second.bench.now)
    for (name, seen) in second.seen {
      #expect(seen.generation == 2)
      #expect(try #require(third[name]).generation > seen.generation)
    }
  }
}
