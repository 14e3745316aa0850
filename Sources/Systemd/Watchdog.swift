import CSystemd

/// Feeds the service manager's watchdog for as long as the daemon makes progress.
///
/// Three beats per interval, each decided by `isProgressing`. After a stop of the process or a resume everything is overdue at
/// once, so that is evaluated only after everything that was due together with the beat has had its turn.
package final class Watchdog {
  private let loop: EventLoop
  private let period: Int64
  private let isProgressing: () -> Bool
  private let beat: () -> Void
  private var timer: TimerSource!
  private var turn: DeferSource!
  private var turnsLeft = 0

  /// The manager's interval in µs; nil if it doesn't watch this process (sd_watchdog_enabled(3)).
  package static func interval() -> Int64? {
    var microseconds: UInt64 = 0
    guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
    return Int64(clamping: microseconds)
  }

  /// Beats at once and then until it is released. `interval` is in µs.
  package init(
    _ loop: EventLoop, interval: Int64, beat: @escaping () -> Void = { Notifier().watchdog() },
    isProgressing: @escaping () -> Bool
  ) throws(LoopError) {
    self.loop = loop
    self.beat = beat
    self.isProgressing = isProgressing
    period = max(1, interval / 3)
    timer = try TimerSource(loop, accuracy: period / 10) { [unowned self] in
      // Sources that became ready in the same turn may be handled after the first deferral, but never after the second.
      turnsLeft = 2
      turn.schedule()
    }
    turn = DeferSource(loop) { [unowned self] in takeTurn() }
    beat()
    timer.arm(at: EventLoop.bootTime() + period)
  }

  private func takeTurn() {
    turnsLeft -= 1
    if turnsLeft > 0 { return turn.schedule() }
    timer.arm(at: EventLoop.bootTime() + period)
    if isProgressing() { beat() }
  }
}
