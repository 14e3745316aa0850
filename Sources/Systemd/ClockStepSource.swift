import CSystemd
import Glibc

/// Reports when the wall clock was set (TFD_TIMER_CANCEL_ON_SET, timerfd_create(2)), including a resume from suspend.
package final class ClockStepSource {
  private let descriptor: CInt
  private var source: IOSource?

  package init(_ loop: EventLoop, handler: @escaping () -> Void) throws(LoopError) {
    descriptor = try check(csystemd_clock_step_open(), "watch the wall clock")
    source = try IOSource(loop, descriptor: descriptor, events: .readable) { [descriptor] _ in
      // A failure to arm again is reported as a step: checking the clock once too often is harmless.
      if csystemd_clock_step_take(descriptor) != 0 { handler() }
    }
  }

  deinit {
    source = nil
    close(descriptor)
  }
}
