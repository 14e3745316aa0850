import CSystemd

/// An event source of the loop. Releasing it removes it from the loop, and a handler may release its own source.
///
/// The owner holds the source and the source holds the handler: capture the owner `unowned` or `weak`.
package class EventSource {
  final var raw: OpaquePointer?

  init() {}

  // NULL is allowed, so that an initialiser that throws half-way can end here, too.
  deinit { sd_event_source_disable_unref(raw) }

  final var userdata: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  static func from<Source: EventSource>(_ userdata: UnsafeMutableRawPointer?) -> Source {
    Unmanaged<Source>.fromOpaque(userdata!).takeUnretainedValue()
  }

  fileprivate final func enable(_ mode: Int) { must(sd_event_source_set_enabled(raw, CInt(mode)), "enabling a source") }
}

/// The events that a descriptor is ready for or watched for (EPOLLIN and related ones, epoll_ctl(2)).
package struct IOEvents: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let readable = IOEvents(rawValue: 0x001)
  package static let writable = IOEvents(rawValue: 0x004)
  /// Always reported.
  package static let failed = IOEvents(rawValue: 0x008)
  /// Always reported.
  package static let hungUp = IOEvents(rawValue: 0x010)
}

/// A descriptor that its owner keeps open until the source is released.
///
/// A descriptor can be watched by one source of a loop only (EEXIST).
package final class IOSource: EventSource {
  private let handler: (IOEvents) -> Void

  package init(
    _ loop: EventLoop, descriptor: CInt, events: IOEvents, handler: @escaping (IOEvents) -> Void
  ) throws(LoopError) {
    self.handler = handler
    super.init()
    let added = sd_event_add_io(
      loop.raw, &raw, descriptor, events.rawValue,
      { _, _, events, userdata in
        IOSource.handler(of: userdata)(IOEvents(rawValue: events))
        return 0
      }, userdata)
    try check(added, "watch descriptor \(descriptor)")
  }

  /// The handler without its source: a source released in its handler must be off the loop at once. Its descriptor may be closed
  /// next, and a later removal would hit whatever has got the number meanwhile.
  private static func handler(of userdata: UnsafeMutableRawPointer?) -> (IOEvents) -> Void {
    let source: IOSource = .from(userdata)
    return source.handler
  }

  /// Changes the watched events; an empty set still reports failures and hang-ups.
  package func watch(_ events: IOEvents) throws(LoopError) {
    try check(sd_event_source_set_io_events(raw, events.rawValue), "change what a descriptor is watched for")
  }
}

/// A timer on CLOCK_BOOTTIME, so that time spent in suspend counts. Fires once for each `arm`.
package final class TimerSource: EventSource {
  private let handler: () -> Void
  /// The deadline in µs; nil if it has fired or was disarmed.
  package private(set) var deadline: Int64?

  /// `accuracy` is how much later than the deadline it may fire, in µs, so that timers can share a wake-up.
  package init(_ loop: EventLoop, accuracy: Int64, handler: @escaping () -> Void) throws(LoopError) {
    self.handler = handler
    super.init()
    let added = sd_event_add_time(
      loop.raw, &raw, CLOCK_BOOTTIME, UInt64.max, UInt64(max(1, accuracy)),
      { _, _, userdata in
        let source: TimerSource = .from(userdata)
        source.deadline = nil
        withExtendedLifetime(source) { source.handler() }
        return 0
      }, userdata)
    try check(added, "add a timer")
    enable(SD_EVENT_OFF)
  }

  /// Fires once at `deadline` (CLOCK_BOOTTIME, µs), at the next turn if that has passed. Replaces an earlier deadline.
  package func arm(at deadline: Int64) {
    self.deadline = deadline
    must(sd_event_source_set_time(raw, UInt64(max(0, deadline))), "arming a timer")
    enable(SD_EVENT_ONESHOT)
  }

  package func disarm() {
    deadline = nil
    enable(SD_EVENT_OFF)
  }
}

/// Work deferred to one of the next turns, after the handlers that are already waiting.
package final class DeferSource: EventSource {
  private let loop: EventLoop
  private let handler: () -> Void

  package var isScheduled: Bool { raw != nil }

  package init(_ loop: EventLoop, handler: @escaping () -> Void) {
    self.loop = loop
    self.handler = handler
    super.init()
  }

  /// Calls the handler once, however often it is scheduled before that.
  ///
  /// sd-event's source is created again each time (without a system call): a source counts as pending since it was added, so one
  /// that is kept and enabled again would always go before everything else.
  package func schedule() {
    if isScheduled { return }
    let added = sd_event_add_defer(
      loop.raw, &raw,
      { _, userdata in
        let source: DeferSource = .from(userdata)
        source.cancel()
        withExtendedLifetime(source) { source.handler() }
        return 0
      }, userdata)
    must(added, "deferring work")
  }

  package func cancel() { raw = sd_event_source_disable_unref(raw) }
}

/// A signal, read from a signalfd instead of interrupting anything.
///
/// The signal is blocked in the thread that makes the source, and threads made later inherit that: make these before
/// the first thread (libcurl's resolver has one), else the kernel may hand the signal to a thread where its default
/// action ends the process. Releasing the source unblocks the signal again, and one that is pending then acts at
/// once: keep it until the process ends. A child that is to run another program has to unblock it first.
package final class SignalSource: EventSource {
  private let handler: () -> Void

  package init(_ loop: EventLoop, signal: CInt, handler: @escaping () -> Void) throws(LoopError) {
    self.handler = handler
    super.init()
    let added = sd_event_add_signal(
      loop.raw, &raw, signal | csystemd_signal_procmask(),
      { _, _, userdata in
        let source: SignalSource = .from(userdata)
        withExtendedLifetime(source) { source.handler() }
        return 0
      }, userdata)
    try check(added, "take signal \(signal)")
  }
}
