import Core
import Logs
import Settings
import Systemd

/// What happens by time alone: retries, a look at each role once a minute, and a report of disks that hang.
extension Outputs {
  /// How long a disk may take for one order, in microseconds.
  private static let stuckAfter: Int64 = 10_000_000
  static let secondsPerRound = 60
  private static let mostRetries = 64
  private static let mostUnbegun = 256

  func retry(at moment: Timestamp) {
    if let armed = retryTimer.deadline, armed <= moment.microseconds { return }
    retryTimer.arm(at: moment.microseconds)
  }

  /// Tries some of what failed, for each costs the loop a few system calls; the rest comes a second later.
  func retryFailed() {
    removals.retry(mounts)
    owners = nil
    let failing = kept.values.filter(\.isFailing)
    let share = failing.sorted { $0.lastTry < $1.lastTry }.prefix(Self.mostRetries)
    for outputs in share { bringUpToDate(outputs) }
    if failing.count > share.count { retry(at: scheduler.time + .microseconds(Self.second)) }
  }

  /// Looks after a sixtieth of the roles, so that each has its turn in a minute and none makes the others wait.
  func lookAfterSome() {
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

  /// Removes what an earlier process left as it lapses, within a second where no more than some hundred roles are so.
  func lookAtUnpublished() {
    let share = Array(unbegun.prefix(Self.mostUnbegun))
    unbegun.removeFirst(share.count)
    for name in share {
      guard let outputs = kept[name], !outputs.isBegun else { continue }
      unbegun.append(name)
      if !outputs.isFailing { bringUpToDate(outputs) }
    }
  }

  /// Reports the order that a disk has had for too long, and those that have waited for too long behind others. What the disk does with
  /// them is reported when they return.
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

  /// Why the order for `path` has had no outcome; nil when the disk has just begun with it.
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
