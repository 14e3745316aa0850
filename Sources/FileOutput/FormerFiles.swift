import Core
import Glibc
import Logs
import Settings
import Systemd

/// Files outside the roles' directory that an earlier process wrote and the settings no longer name.
///
/// They are removed at the start, each only if it is still as that process left it. If the settings look truncated since the last
/// run (`RetentionReason`), a file stays until its session ends. Files that stay, or can't be removed, are checked again once a
/// minute.
final class FormerFiles {
  private static let interval: Int64 = 60_000_000

  private let scheduler: any Scheduler
  private let settings: SettingsInForce
  private let writer: FileWriter
  private let log: Log
  private var timer: (any Alarm)!
  /// Files that an earlier process recorded, and that are neither outputs now nor removed yet.
  private(set) var recorded: [RecordedOutput] = []
  /// Why a file isn't removed before its session has ended.
  private var retained: [OutputPath: RetentionReason] = [:]
  private var reportedRetained: Set<OutputPath> = []
  /// The removals under way.
  private var removals: [OutputPath: RoleOutputs] = [:]
  private var reportedErrors: [OutputPath: FileOutputError] = [:]
  private var mounts: MountTable

  init(
    scheduler: any Scheduler, settings: SettingsInForce, writer: FileWriter, log: Log, mounts: MountTable
  ) throws {
    self.mounts = mounts
    self.settings = settings
    self.scheduler = scheduler
    self.writer = writer
    self.log = log
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in look() }
  }

  /// Why some files stay until their session ends.
  var retentionReasons: [RetentionReason] {
    recorded.compactMap { reportedRetained.contains($0.path) ? retained[$0.path] : nil }
  }

  /// Takes over what an earlier process recorded; nothing is removed before `settingsChanged`.
  func take(_ outputs: [RecordedOutput]) { recorded += outputs }

  /// Decides about the recorded files by the settings now in force. `allowsRemoval`: an administrator confirmed that everything
  /// that they don't name may be removed.
  func settingsChanged(mounts: MountTable, allowsRemoval: Bool = false) {
    guard !recorded.isEmpty else { return }
    let (roles, inventory) = (settings.roles, settings.inventory)
    self.mounts = mounts
    let named = Set(
      roles.flatMap(\.outputs).compactMap { output in
        if case .elsewhere(let path) = output.location { path } else { nil }
      })
    for output in recorded where named.contains("\(output.path)") { forget(output) }
    retained = [:]
    if !allowsRemoval {
      for output in recorded {
        retained[output.path] = RetentionReason(of: output, roles: roles, inventory: inventory)
      }
    }
    look()
  }

  /// Tries again; no effect if nothing is left.
  func look() {
    timer.disarm()
    for output in recorded where removals[output.path] == nil { remove(output) }
    if !recorded.isEmpty { timer.arm(at: scheduler.time.microseconds + Self.interval) }
  }

  private func remove(_ output: RecordedOutput) {
    // Group and mode don't matter for a removal.
    let place = OutputFile(.elsewhere(output.path), uid: output.uid, gid: 0, mode: 0)
    let files = RoleOutputs(
      writer, directory: "/", role: output.role.description, outputs: [place], mounts: mounts)
    removals[output.path] = files
    let end = retained[output.path].map { _ in scheduler.wallSeconds }
    files.removeFormer(endedBy: end) { [unowned self] result in
      removals[output.path] = nil
      finish(output, result.outcome)
    }
  }

  private func finish(_ output: RecordedOutput, _ outcome: Result<Bool, FileOutputError>) {
    switch outcome {
    case .success(let wasThere):
      forget(output)
      if wasThere {
        log.write(.formerFileRemoved, [.role(output.role), .path("\(output.path)")])
      }
    case .failure(.notEnded): reportRetained(output)
    // Nothing was ever written there, as far as is known.
    case .failure where !output.isWritten: forget(output)
    case .failure(let error):
      if case .notOurs = error { forget(output) }
      guard reportedErrors[output.path] != error else { return }
      reportedErrors[output.path] = error
      let event: LogEvent = if case .notOurs = error { .formerFileNotOurs } else { .formerFileNotRemoved }
      log.write(event, [.role(output.role), .reason("\(error)")])
    }
  }

  private func forget(_ output: RecordedOutput) {
    recorded.removeAll { $0 == output }
    // A removal already given to the disk is carried out before any later write.
    removals[output.path] = nil
    retained[output.path] = nil
  }

  /// Only an existing file stays.
  private func reportRetained(_ output: RecordedOutput) {
    guard let reason = retained[output.path], reportedRetained.insert(output.path).inserted else { return }
    log.write(
      .formerFileStays,
      [
        .role(output.role), .path("\(output.path)"), .reason("\(reason)"),
        .advice("complete the settings, or, if this is meant, run: sudo rolekeeper reload --allow-removal"),
      ])
  }
}
