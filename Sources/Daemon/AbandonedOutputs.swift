import Core
import FileOutput
import Glibc
import Logs
import Settings
import Systemd

/// What earlier processes left in the roles' directory of roles that have no files there any more.
///
/// It is removed at the start. Without any role only what has ended, then and later on: that is what settings say, too, which were cut
/// off while no daemon ran. What stays, or can't be removed, is looked at again once a minute, wherever later settings have the directory.
final class AbandonedOutputs {
  private static let interval: Int64 = 60

  private let log: Log
  private var timer: TimerSource!
  /// The directory where something is left; nil for none.
  private(set) var waiting: String?
  /// What the settings in force say: the directory, the roles with files in it, and whether there is no role at all.
  private var inForce: (directory: String, kept: Set<String>, hasNoRole: Bool)?
  private var hasReportedLeft = false
  private var reported: String?
  private var reportedPresumed: Set<String> = []

  init(loop: EventLoop, log: Log) throws {
    self.log = log
    timer = try TimerSource(loop, accuracy: 1_000_000) { [unowned self] in look() }
  }

  /// Removes what it can at the start. Blocks on a disk.
  func remove(in directory: String, keeping roles: [RoleSettings]) {
    waiting = directory
    settingsChanged(to: directory, roles)
  }

  /// Other settings are in force: what is left is judged by these. Blocks on a disk if something is left.
  func settingsChanged(to directory: String, _ roles: [RoleSettings]) {
    guard waiting != nil else { return }
    let kept = roles.filter { role in role.outputs.contains { $0.location.isInRoleDirectory } }
    inForce = (directory, Set(kept.map(\.name.description)), roles.isEmpty)
    look()
  }

  var isArmed: Bool { timer.isArmed }

  /// Tries again; nothing when nothing is left.
  func look() {
    guard let directory = waiting, let inForce else { return }
    timer.disarm()
    let kept = directory == inForce.directory ? inForce.kept : []
    do {
      let result = try RolesDirectory.removeAbandoned(
        in: directory, keeping: kept, endedBy: inForce.hasNoRole ? time(nil) + Int(Self.interval) : nil)
      for end in result.presumed where reportedPresumed.insert(end.path).inserted {
        log.write(end, isRemoved: end.end <= Int(time(nil)) + Int(Self.interval))
      }
      report(result.left)
      if let failure = result.failure { report(failure) } else { reported = nil }
      if result.left.isEmpty, result.failure == nil {
        waiting = nil
        self.inForce = nil
        return
      }
    } catch { report(error) }
    timer.arm(at: EventLoop.bootTime() + Self.interval * 1_000_000)
  }

  private func report(_ left: [String]) {
    if left.isEmpty || hasReportedLeft { return }
    hasReportedLeft = true
    log.write(.abandonedFilesStay, [.reason(left.prefix(8).joined(separator: ", ")), .count(left.count)])
  }

  private func report(_ error: FileOutputError) {
    if reported == "\(error)" { return }
    reported = "\(error)"
    log.write(.abandonedFilesNotRemoved, [.reason("\(error)")])
  }
}
