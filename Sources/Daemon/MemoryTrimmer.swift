import CLinux
import Core
import Refresh
import Systemd

/// Gives the system back memory that only a busy time needed: the start, a reload, many sessions issued one after another.
///
/// It waits until nothing is under way, for all of it would be needed again at once, and does it once a minute at most: finding what
/// is free takes some milliseconds where there are thousands of roles.
final class MemoryTrimmer: RoleObserver {
  /// From much work to the first look, and from one look to the next, in µs.
  private static let pause: Int64 = 1_000_000
  private static let interval: Int64 = 60_000_000
  /// How many sessions are much work.
  private static let much = 8

  private let scheduler: any Scheduler
  private let isQuiet: () -> Bool
  private let trim: () -> Void
  private var timer: (any Alarm)!
  private var sessions = 0
  private var notBefore: Int64 = 0

  init(
    scheduler: any Scheduler, isQuiet: @escaping () -> Bool, trim: @escaping () -> Void = { clinux_trim_heap() }
  ) throws {
    self.scheduler = scheduler
    self.isQuiet = isQuiet
    self.trim = trim
    timer = try scheduler.timer(accuracy: 500_000) { [unowned self] in look() }
  }

  /// There was much to do.
  func muchWasDone() {
    if !timer.isArmed { timer.arm(at: max(notBefore, scheduler.time.microseconds + Self.pause)) }
  }

  func didPublish(_ role: ManagedRole) { sessionCame() }

  func sessionCame() {
    sessions += 1
    if sessions >= Self.much { muchWasDone() }
  }

  private func look() {
    guard isQuiet() else { return muchWasDone() }
    sessions = 0
    notBefore = scheduler.time.microseconds + Self.interval
    trim()
  }
}
