import CLinux
import Glibc
import Synchronization
import Threads

/// The thread that a call is made on.
package enum CallThread {
  /// One of its own, which may hang.
  case new
  /// One that is kept for the next call.
  case kept
}

/// A call that may block, made on a thread beside the loop's; the loop gets its result.
///
/// The thread is never waited for. Let go of earlier, the call ends by itself and nobody hears of it.
package final class ThreadedCall<Value: Sendable> {
  /// What the thread and the loop share.
  private final class Exchange: Sendable {
    let descriptor: CInt
    let result = Mutex<Value?>(nil)

    init() throws(LoopError) {
      descriptor = clinux_eventfd(0)
      guard descriptor >= 0 else { throw LoopError(attempt: "make an event descriptor", errno: errno) }
    }

    deinit { close(descriptor) }

    func put(_ value: Value) {
      result.withLock { $0 = value }
      // A counter that is at zero takes it always.
      var one: UInt64 = 1
      _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }
  }

  private let exchange: Exchange
  private var source: IOSource?

  /// Begins; `completion` is called once, from the loop, and may let go of this object. Throws when there is no thread for it, or no
  /// descriptor.
  package init(
    _ loop: EventLoop, on thread: CallThread = .new, _ call: @escaping @Sendable () -> Value,
    completion: @escaping (Value) -> Void
  ) throws(LoopError) {
    let exchange = try Exchange()
    self.exchange = exchange
    source = try IOSource(loop, descriptor: exchange.descriptor, events: .readable) { [unowned self] _ in
      source = nil
      if let value = exchange.result.withLock({ $0 }) { completion(value) }
    }
    let body: @Sendable () -> Void = { exchange.put(call()) }
    let failure = thread == .kept ? callOnThread(body) : startThread(body)
    guard failure == 0 else {
      source = nil
      throw LoopError(attempt: "start a thread", errno: failure)
    }
  }

  deinit {
    // Off the loop before its descriptor may be closed.
    source = nil
  }
}
