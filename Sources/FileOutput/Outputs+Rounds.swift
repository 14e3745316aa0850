import Core
import Logs
import Settings
import Systemd

/// Periodic work: retries, a verification of each role's files once a minute, and a report of disks that hang.
extension Outputs {
  /// How long a disk may take for one order, in microseconds.
  private static let stuckAfter: Int64 = 10_000_000
  static let secondsPerRound = 60
  private static let mostRetries = 64
  private static let mostUnpublished = 256

  func retry(at moment: Timestamp) {
    if let armed = retryTimer.deadline, armed <= moment.microseconds { return }
    retryTimer.arm(at: moment.microseconds)
  }

  /// Retries some of the failed writes, since each costs the loop a few system calls; the others come a second later.
  func retryFailed() {
    removals.retry(mounts)
    owners = nil
    let failing = kept.values.filter(\.isFailing)
    let share = failing.sorted { $0.lastTry < $1.lastTry }.prefix(Self.mostRetries)
    for outputs in share { bringUpToDate(outputs) }
    if failing.count > share.count { retry(at: scheduler.time + .microseconds(Self.second)) }
  }

  /// Verifies the files of a sixtieth of the roles, so that each has its turn within a minute and none delays the others.
  func verifySome() {
    lookAtUnpublished()
    reportStuck()
    record()
    if round.isEmpty { round = Array(kept.keys) }
    let share = min(round.count, (kept.count + Self.secondsPerRound - 1) / Self.secondsPerRound)
    for name in round.suffix(share) {
      if let outputs = kept[name], outputs.isBegun, !outputs.isFailing { bringUpToDate(outputs) }
    }
    round.removeLast(share)
    if !kept.isEmpty { roundTimer.arm(at: scheduler.time.microseconds + Self.second) }
  }

  /// Removes an earlier process's files as they lapse: within a second as long as there are no more than a few hundred such roles.
  func lookAtUnpublished() {
    let share = Array(unpublished.prefix(Self.mostUnpublished))
    unpublished.removeFirst(share.count)
    for name in share {
      guard let outputs = kept[name], !outputs.isBegun else { continue }
      unpublished.append(name)
      if !outputs.isFailing { bringUpToDate(outputs) }
    }
  }

  /// Reports an order that a disk has been working on for too long, and those that have waited behind others for too long. Their
  /// outcome is reported when they return.
  func reportStuck() {
    let limit = writer.now() - Self.stuckAfter
    guard let oldest = writer.pendingSince, oldest <= limit else { return }
    let begun = writer.begun
    for outputs in kept.values {
      for (path, since) in outputs.files.pending(since: limit) where outputs.states[path]?.failure == nil {
        guard let (event, error) = Self.stuck(path, behind: begun, limit) else { continue }
        _ = outputs.change(path) { $0.failure = (error, Timestamp(microseconds: since)) }
        log.write(event, [.role(outputs.role.name), .path(path), .reason(error)])
        changed(outputs.role.name, path)
      }
    }
  }

  /// Why the order for `path` has had no outcome; nil if the disk has only just begun it.
  private static func stuck(
    _ path: String, behind begun: (path: String, since: Int64)?, _ limit: Int64
  ) -> (event: LogEvent, error: String)? {
    let look = "look at that file system: a server that is down, a freeze (fsfreeze), the kernel's log (dmesg)"
    guard let begun else { return nil }
    let isStuck = begun.since <= limit
    if begun.path == path {
      guard isStuck else { return nil }
      return (
        .fileNotWrittenDiskStuck,
        "file '\(path)': its disk hasn't answered for more than 10 s; \(look)"
      )
    }
    return (
      .fileNotWrittenWaiting,
      isStuck
        ? "file '\(path)': waits behind '\(begun.path)', whose disk hasn't answered for more than 10 s; \(look)"
        : "file '\(path)': has waited for more than 10 s while other files are written, now '\(begun.path)'"
    )
  }
}
