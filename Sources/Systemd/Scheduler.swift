import CSystemd
package import Core
import Glibc

/// The daemon's clocks and timers: those of the event loop, or in tests a virtual time.
package protocol Scheduler: AnyObject {
  /// CLOCK_BOOTTIME, read afresh.
  var time: Timestamp { get }
  /// CLOCK_REALTIME in µs since 1970, read afresh.
  var wallMicroseconds: Int64 { get }

  /// Creates a timer that isn't armed. `accuracy` is how much later than its deadline it may fire, in µs, so that timers share a
  /// wake-up. Throws if the kernel can't provide one.
  func timer(accuracy: Int64, handler: @escaping () -> Void) throws(LoopError) -> any Alarm

  /// Creates deferred work, for one of the next turns.
  func deferred(handler: @escaping () -> Void) -> any Deferral

  /// Makes a call that may block on another thread; `completion` is called once, from the loop. If the returned object is released,
  /// `completion` isn't called. Throws if there is no thread for it.
  func call<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value, completion: @escaping (Value) -> Void
  ) throws(LoopError) -> AnyObject
}

extension Scheduler {
  /// CLOCK_REALTIME in whole seconds since 1970.
  package var wallSeconds: Int { Int(wallMicroseconds / 1_000_000) }
}

/// Calls its handler once for each `arm`; never after it is released.
package protocol Alarm: AnyObject {
  /// The deadline in µs of CLOCK_BOOTTIME; nil if it has fired or was disarmed.
  var deadline: Int64? { get }

  /// Fires once at `deadline`, at the next turn if that has passed. Replaces an earlier deadline.
  func arm(at deadline: Int64)

  func disarm()
}

extension Alarm {
  package var isArmed: Bool { deadline != nil }
}

/// Calls its handler in one of the next turns, once however often it was scheduled before that; never after it is released.
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
