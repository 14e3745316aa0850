import Core
import Logs
import Systemd
import TestSupport
import Wire

@testable import FileOutput
@testable import Settings

/// Outputs whose time, disks and worker a test controls. Paths below `/run` are in memory, others on a disk.
final class OutputsBench {
  let scheduler = VirtualScheduler()
  let disk = FakeDisk()
  let recorder = LogRecorder()
  let settings = SettingsInForce(filesIn: "/run/roles")
  let worker: ManualWorker
  let outputs: Outputs
  /// The reported changes, as `web /run/app/c`.
  private(set) var changes: [String] = []
  private(set) var recordChanges = 0
  private(set) var landings = 0
  let mounts = Mounts()

  /// Mount points of file systems in memory, which the outputs read at a reload.
  final class Mounts {
    var inMemory = ["/run"]
  }

  init() throws {
    let scheduler = scheduler
    worker = ManualWorker { scheduler.time.microseconds }
    let writer = FileWriter(now: { scheduler.time.microseconds }, worker: worker, disk: disk)
    let mounts = mounts
    outputs = try Outputs(
      scheduler: scheduler, settings: settings, log: recorder.log, writer: writer,
      mounts: { Self.table(mounts.inMemory) })
    outputs.changed = { [unowned self] in changes.append("\($0) \($1)") }
    outputs.recordChanged = { [unowned self] in recordChanges += 1 }
    outputs.landed = { [unowned self] in landings += 1 }
  }

  private static func table(_ points: [String]) -> MountTable {
    MountTable(points.map { "1 0 0:1 / \($0) rw - tmpfs tmpfs rw" }.joined(separator: "\n"))
  }

  /// A role with files: each in the role's directory, or elsewhere if it has a path.
  static func role(_ name: String, _ files: [String], mode: UInt32 = 0o400) -> RoleSettings {
    var role = RoleSettings.named(name)
    role.outputs = files.map {
      OutputSettings(
        location: $0.hasPrefix("/") ? .elsewhere(path: $0) : .roleDirectory(name: $0),
        format: .known(.json), uid: 1, gid: 1,
        mode: mode)
    }
    return role
  }

  /// Adds a role that has no valid session yet.
  @discardableResult
  func keep(_ name: String, _ files: [String], mode: UInt32 = 0o400) -> RoleSettings {
    let role = Self.role(name, files, mode: mode)
    outputs.keep(role)
    return role
  }

  /// Adds a role with a session.
  @discardableResult
  func begin(_ name: String, _ files: [String], mode: UInt32 = 0o400) -> FakeRole {
    let role = FakeRole(keep(name, files, mode: mode), scheduler)
    outputs.publish(role)
    return role
  }

  /// Publishes the role's next session; returns the one before.
  @discardableResult
  func rotate(_ role: FakeRole) -> Session {
    let before = role.issue()!
    outputs.publish(role)
    return before
  }

  /// Carries out all orders that a disk has been given.
  func drain() {
    while !worker.isIdle {
      worker.finishOne()
      outputs.takeResults()
    }
  }

  func advance(_ seconds: Int) { scheduler.advance(by: .seconds(seconds)) }

  var orders: [String] { disk.orders }
  /// Without the record of what is written.
  var lines: [String] { recorder.all.filter { !$0.contains(": credential file written ") } }
  var records: [String] { recorder.all.filter { $0.contains(": credential file written ") } }
  func count(_ text: String) -> Int { lines.count { $0.contains(text) } }
  func count(_ event: LogEvent) -> Int { count(": \(event.phrase)") }
  var failing: [String] { outputs.failing.map(\.description) }

  func statuses(_ role: String) -> [OutputStatus] {
    outputs.statuses(
      of: RoleName(role)!,
      clock: ServerClock(wallMicroseconds: scheduler.wallMicroseconds, at: scheduler.time))
  }

  /// An earlier process's file, which expires in so many seconds.
  func leave(
    _ path: String, for life: Int, generation: UInt64? = 7, hasRecord: Bool = true,
    isOurs: Bool = true
  ) {
    disk[path] = FakeDisk.Content(
      generation: generation, end: scheduler.wallSeconds + life, hasRecord: hasRecord, isOurs: isOurs)
  }
}
