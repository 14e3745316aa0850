package import Core
package import Systemd

/// Clocks that stand still until a test moves them, and timers that fire on the way.
package final class VirtualScheduler: Scheduler {
  /// May be set: no timer fires then, as after a pause of the whole host.
  package var time: Timestamp
  /// The wall clock's lead over the boot clock, in µs.
  package var wallOffset: Int64
  package var wallMicroseconds: Int64 {
    get { time.microseconds + wallOffset }
    set { wallOffset = newValue - time.microseconds }
  }

  private var alarms: [Weak<VirtualAlarm>] = []
  private var pending: [Weak<VirtualDeferral>] = []
  private var calls: [Weak<VirtualCall>] = []

  /// Whether the calls under way stay so, like those to a name service that is down.
  package var callsHang = false
  /// Why no call can be made; nil when one can.
  package var callRefusal: LoopError?

  /// By default it is 2026-01-01 on a host that has run for a thousand seconds.
  package init(time: Timestamp = Timestamp(microseconds: 1_000_000_000), wallSeconds: Int64 = 1_767_225_600) {
    self.time = time
    wallOffset = wallSeconds * 1_000_000 - time.microseconds
  }

  package func timer(accuracy: Int64, handler: @escaping () -> Void) -> any Alarm {
    let alarm = VirtualAlarm(handler)
    alarms.removeAll { $0.value == nil }
    alarms.append(Weak(alarm))
    return alarm
  }

  package func deferred(handler: @escaping () -> Void) -> any Deferral {
    VirtualDeferral(handler) { [weak self] in self?.pending.append(Weak($0)) }
  }

  /// The work is done when `settle` or `advance` is called next, unless `callsHang`.
  package func call<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value, completion: @escaping (Value) -> Void
  ) throws(LoopError) -> AnyObject {
    if let callRefusal { throw callRefusal }
    let call = VirtualCall { completion(work()) }
    calls.append(Weak(call))
    return call
  }

  /// When the next timer fires; nil when none is armed.
  package var nextDeadline: Timestamp? {
    alarms.compactMap { $0.value?.deadline }.min().map { Timestamp(microseconds: $0) }
  }

  /// Ends the calls that are under way and does the work that was put off, until none is left.
  package func settle() { while turn() {} }

  /// The same for those of now, and not for what comes of them; false when there were none.
  @discardableResult
  package func turn() -> Bool {
    let due = callsHang ? [] : calls.compactMap(\.value)
    if !callsHang { calls = [] }
    let deferred = pending.compactMap(\.value)
    pending = []
    for call in due { call.body() }
    for one in deferred { one.run() }
    return !due.isEmpty || !deferred.isEmpty
  }

  /// Lets the time pass; timers fire in order, each at its deadline.
  package func advance(by span: Duration) { advance(to: time + span) }

  package func advance(to end: Timestamp) {
    settle()
    while let next = alarms.compactMap(\.value).filter({ ($0.deadline ?? .max) <= end.microseconds })
      .min(by: { $0.deadline! < $1.deadline! })
    {
      time = max(time, Timestamp(microseconds: next.deadline!))
      next.fire()
      settle()
    }
    time = max(time, end)
  }
}

private struct Weak<Object: AnyObject> {
  weak var value: Object?

  init(_ value: Object) { self.value = value }
}

private final class VirtualAlarm: Alarm {
  private let handler: () -> Void
  private(set) var deadline: Int64?

  init(_ handler: @escaping () -> Void) { self.handler = handler }

  func arm(at deadline: Int64) { self.deadline = deadline }
  func disarm() { deadline = nil }

  func fire() {
    deadline = nil
    handler()
  }
}

private final class VirtualDeferral: Deferral {
  private let handler: () -> Void
  private let enqueue: (VirtualDeferral) -> Void
  private var isScheduled = false

  init(_ handler: @escaping () -> Void, enqueue: @escaping (VirtualDeferral) -> Void) {
    self.handler = handler
    self.enqueue = enqueue
  }

  func schedule() {
    if isScheduled { return }
    isScheduled = true
    enqueue(self)
  }

  func run() {
    isScheduled = false
    handler()
  }
}

private final class VirtualCall {
  let body: () -> Void

  init(_ body: @escaping () -> Void) { self.body = body }
}
