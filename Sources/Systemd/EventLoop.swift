import CSystemd
import Glibc

/// The daemon's one event loop (sd-event), bound to the thread that makes it.
///
/// All sources have the same priority, so that none can starve another; of those that are ready, the one waiting
/// longest goes first, one a turn. Nothing is preemptive: a handler does a bounded piece of work and returns.
package final class EventLoop {
  let raw: OpaquePointer
  /// For reuse by later calls on threads (`ThreadedCall`).
  var idleCallRoutes: [CallRoute] = []

  package init() throws(LoopError) {
    var made: OpaquePointer?
    try check(sd_event_new(&made), "make an event loop")
    raw = made!
  }

  deinit { sd_event_unref(raw) }

  /// Turns until `exit`, and returns the code given there.
  package func run() throws(LoopError) -> CInt { try check(sd_event_loop(raw), "turn") }

  /// One turn: waits at most `timeout` for a source (nil: indefinitely) and calls one handler. False if none was due.
  @discardableResult
  package func runOnce(timeout: Duration? = .zero) throws(LoopError) -> Bool {
    let limit = timeout.map { UInt64(max(0, $0 / .microseconds(1))) } ?? UInt64.max
    return try check(sd_event_run(raw, limit), "turn") > 0
  }

  /// Ends `run` after the current handler. `code` is 0 or above.
  package func exit(code: CInt = 0) { must(sd_event_exit(raw, code), "exit") }

  /// CLOCK_BOOTTIME in µs as read when this turn began; costs no system call. Read afresh before the first turn.
  package var now: Int64 {
    var microseconds: UInt64 = 0
    must(sd_event_now(raw, CLOCK_BOOTTIME, &microseconds), "reading the time")
    return Int64(microseconds)
  }

  /// CLOCK_BOOTTIME in µs, read afresh: after the process was stopped or resumed, a turn's cached `now` may be long past.
  package static func bootTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
