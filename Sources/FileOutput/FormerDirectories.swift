import Core
import Glibc
import Logs
import Settings
import Systemd

/// Directories that earlier processes left in the roles' directory, of roles that no longer have files there.
///
/// They are removed at the start. If the settings look truncated since the last run (`RetentionReason`), a role's files stay until
/// its session ends. Directories that stay, or can't be removed, are checked again once a minute, even if later settings name
/// another parent directory.
final class FormerDirectories {
  private static let interval: Int64 = 60
  private static let mostNames = 8

  private let scheduler: any Scheduler
  private let settings: SettingsInForce
  private let disk: any OutputDisk
  private let log: Log
  private var timer: (any Alarm)!
  /// The directory where something is left; nil if nothing is.
  private(set) var waiting: String?
  /// An administrator confirmed that everything that the settings in force don't name may be removed.
  private var allowsRemoval = false
  /// The settings file that named each role, as an earlier process recorded it; empty when nothing is left.
  private var settingsFiles: [RoleName: String] = [:]
  /// Why some directories stay until their session ends.
  private(set) var retentionReasons: Set<RetentionReason> = []
  private var reportedRetained: Set<String> = []
  private var reported: String?
  private var reportedPresumed: Set<String> = []

  init(
    scheduler: any Scheduler, settings: SettingsInForce, disk: any OutputDisk = HostDisk(), log: Log
  ) throws {
    self.scheduler = scheduler
    self.settings = settings
    self.disk = disk
    self.log = log
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in look() }
  }

  /// Removes directories at the start, in a parent that the settings have or had. Blocks on a disk.
  func remove(in directory: String, recorded: [RecordedDirectory]) {
    waiting = directory
    settingsFiles = Dictionary(recorded.map { ($0.role, $0.settingsFile) }) { first, _ in first }
    look()
  }

  /// Other settings are in force, which now decide about what is left. `allowsRemoval`: an administrator confirmed that everything
  /// that they don't name may be removed. Blocks on a disk if something is left.
  func settingsChanged(allowsRemoval: Bool = false) {
    self.allowsRemoval = allowsRemoval
    look()
  }

  var isArmed: Bool { timer.isArmed }

  /// What is left, for the next process.
  var recorded: [RecordedDirectory] {
    guard let waiting else { return [] }
    return settingsFiles.map { RecordedDirectory(role: $0.key, settingsFile: $0.value, parent: waiting) }
  }

  /// Tries again; no effect if nothing is left.
  func look() {
    guard let directory = waiting else { return }
    timer.disarm()
    let roles = settings.roles
    let isInForce = directory == settings.filesDirectory
    let kept = isInForce ? roles.filter { $0.outputs.contains { $0.location.isInRoleDirectory } } : []
    let end = scheduler.wallSeconds + Int(Self.interval)
    var reasons: [String: RetentionReason] = [:]
    do {
      let result = try disk.removeFormerDirectories(in: directory, keeping: Set(kept.map(\.name.description))) { name in
        reasons[name] = reason(for: name, roles)
        return reasons[name].map { _ in end }
      }
      for presumed in result.presumed where reportedPresumed.insert(presumed.path).inserted {
        log.write(presumed, isRemoved: presumed.end <= end)
      }
      retentionReasons = Set(result.left.compactMap { reasons[$0] })
      reportRetained(result.left, reasons, in: directory)
      // Directories that have lapsed in the meantime aren't reported.
      report(removed: result.removed.filter { reasons[$0] == nil }, from: directory)
      if let failure = result.failure { report(failure) } else { reported = nil }
      if result.left.isEmpty, result.failure == nil {
        waiting = nil
        settingsFiles = [:]
        return
      }
    } catch { report(error) }
    timer.arm(at: scheduler.time.microseconds + Self.interval * 1_000_000)
  }

  /// Why a role's files stay until their session ends; nil if they are removed.
  private func reason(for name: String, _ roles: [RoleSettings]) -> RetentionReason? {
    guard !allowsRemoval, let role = RoleName(name) else { return nil }
    // Without a record, written by an older version, the settings file that names the role now is the best guess.
    let inventory = settings.inventory
    let file = settingsFiles[role] ?? inventory.files.first { $0.roles.contains(role) }?.path
    return RetentionReason(ofRole: role, namedBy: file, roles: roles, inventory: inventory)
  }

  private func reportRetained(_ left: [String], _ reasons: [String: RetentionReason], in directory: String) {
    let new = left.filter { reportedRetained.insert($0).inserted }
    for (reason, names) in Dictionary(grouping: new, by: { reasons[$0] }) {
      guard let reason else { continue }
      log.write(
        .abandonedFilesStay,
        [
          .role(Self.list(names)), .path(directory), .reason("\(reason)"),
          .advice("complete the settings, or, if this is meant, run: sudo rolekeeper reload --allow-removal"),
        ])
    }
  }

  private func report(removed names: [String], from directory: String) {
    if names.isEmpty { return }
    log.write(.abandonedFilesRemoved, [.role(Self.list(names)), .path(directory)])
  }

  /// The first names, and the number of the others.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(mostNames).joined(separator: ", ")
    return names.count > mostNames ? "\(shown) and \(names.count - mostNames) more" : shown
  }

  private func report(_ error: FileOutputError) {
    if reported == "\(error)" { return }
    reported = "\(error)"
    log.write(.abandonedFilesNotRemoved, [.reason("\(error)")])
  }
}
