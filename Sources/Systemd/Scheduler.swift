import CSystemd
package import Core
import Glibc

/// The clocks that the daemon reads and the timers that it sets: the event loop's, or a test's, whose time passes by hand.
package protocol Scheduler: AnyObject {
  /// CLOCK_BOOTTIME, read afresh.
  var time: Timestamp { get }
  /// CLOCK_REALTIME in µs since 1970, read afresh.
  var wallMicroseconds: Int64 { get }

  /// A timer that isn't armed. `accuracy` is how much later than its deadline it may fire, in µs, so that timers share a wake-up. Throws
  /// where the kernel gives none.
  func timer(accuracy: Int64, handler: @escaping () -> Void) throws(LoopError) -> any Alarm

  /// Work to be put off to one of the next turns.
  func deferred(handler: @escaping () -> Void) -> any Deferral

  /// Makes a call that may block beside the loop, which goes on; `completion` is called once, from the loop. Let go of what is returned and
  /// nobody hears of it. Throws where there is no thread for it.
  func call<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value, completion: @escaping (Value) -> Void
  ) throws(LoopError) -> AnyObject
}

extension Scheduler {
  /// CLOCK_REALTIME in whole seconds since 1970.
  package var wallSeconds: Int { Int(wallMicroseconds / 1_000_000) }
}

/// Calls its handler once for each `arm`. Let go of, it never fires.
package protocol Alarm: AnyObject {
  /// The moment armed for, in µs of CLOCK_BOOTTIME; nil when it has fired or was disarmed.
  var deadline: Int64? { get }

  /// Fires once at `deadline`, at the next turn if that has passed. Replaces an earlier deadline.
  func arm(at deadline: Int64)

  func disarm()
}

extension Alarm {
  package var isArmed: Bool { deadline != nil }
}

/// Calls its handler in one of the next turns, once however often it was scheduled before that. Let go of, it never does.
package protocol Deferral: AnyObject {
  func schedule()
}

extension TimerSource: Alarm {}
extension DeferSource: Deferral {}

extension EventLoop: Scheduler {
  package var time: Timestamp { Timestamp(microseconds: Self.bootTime()) }

  package var wallMicroseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  package func timer(accuracy: Int64, handler: @escaping () -> Void) throws(LoopError) -> any Alarm {
    try TimerSource(self, accuracy: accuracy, handler: handler)
  }

  package func deferred(handler: @escaping () -> Void) -> any Deferral { DeferSource(self, handler: handler) }

  package func call<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value, completion: @escaping (Value) -> Void
  ) throws(LoopError) -> AnyObject {
    try ThreadedCall(self, on: .kept, work, completion: completion)
  }
}
