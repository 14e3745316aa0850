import CLinux
import Glibc
import Synchronization
import Threads

/// Which thread makes a call.
package enum CallThread {
  /// A new one, which may hang.
  case new
  /// A spare one, which is kept for later calls.
  case kept
}

/// A call that may block, made on another thread; the loop gets its result.
///
/// The thread is never waited for. If this object is released earlier, the call ends by itself without a completion.
package final class ThreadedCall<Value: Sendable> {
  private final class Result: Sendable {
    let value = Mutex<Value?>(nil)
  }

  private var route: CallRoute?

  /// Starts the call; `completion` is called once, from the loop, and may release this object. Throws if there is no thread for it,
  /// or no descriptor.
  package init(
    _ loop: EventLoop, on thread: CallThread = .new, _ call: @escaping @Sendable () -> Value,
    completion: @escaping (Value) -> Void
  ) throws(LoopError) {
    let result = Result()
    let route = try loop.takeCallRoute()
    let signal = route.signal
    self.route = route
    route.handler = { [unowned self] in
      if let route = self.route.take() { loop.putBack(route) }
      if let value = result.value.withLock({ $0.take() }) { completion(value) }
    }
    let body: @Sendable () -> Void = {
      let value = call()
      result.value.withLock { $0 = value }
      signal.raise()
    }
    let failure = thread == .kept ? callOnThread(body) : startThread(body)
    guard failure == 0 else {
      self.route = nil
      throw LoopError(attempt: "start a thread", errno: failure)
    }
  }
}

/// How the loop learns that a call has ended. Reused by later calls, since creating a descriptor and a source each time took longer
/// than a short call. Not reused after its call was released: it may still be signalled.
final class CallRoute {
  /// The part that the thread holds.
  final class Signal: Sendable {
    let descriptor: CInt

    init() throws(LoopError) {
      descriptor = clinux_eventfd(0)
      guard descriptor >= 0 else { throw LoopError(attempt: "make an event descriptor", errno: errno) }
    }

    deinit { close(descriptor) }

    func raise() {
      // A counter at zero always accepts a write.
      var one: UInt64 = 1
      _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }

    func clear() {
      var count: UInt64 = 0
      _ = read(descriptor, &count, MemoryLayout.size(ofValue: count))
    }
  }

  let signal: Signal
  /// Called once, from the loop.
  var handler: (() -> Void)?
  private var source: IOSource?

  init(_ loop: EventLoop) throws(LoopError) {
    signal = try Signal()
    source = try IOSource(loop, descriptor: signal.descriptor, events: .readable) { [unowned self] _ in
      signal.clear()
      // The handler may release this object.
      let handler = handler
      self.handler = nil
      handler?()
    }
  }

  deinit {
    // Removed from the loop before its descriptor may be closed.
    source = nil
  }
}

extension EventLoop {
  /// More are seldom needed at the same time.
  private static var mostCallRoutes: Int { 2 }

  fileprivate func takeCallRoute() throws(LoopError) -> CallRoute {
    if let route = idleCallRoutes.popLast() { return route }
    return try CallRoute(self)
  }

  fileprivate func putBack(_ route: CallRoute) {
    if idleCallRoutes.count < Self.mostCallRoutes { idleCallRoutes.append(route) }
  }
}
