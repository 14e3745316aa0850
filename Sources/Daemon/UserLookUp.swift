import CLinux
import EventLoop
import Glibc
import Synchronization

/// One question to the host's name services, on a thread of its own. Letting go of it doesn't end the thread, only its answer is dropped.
final class UserLookUp {
  /// What the thread and the loop share.
  private final class Exchange: Sendable {
    let ask: @Sendable () -> String?
    let descriptor: CInt
    let answer = Mutex<String?>(nil)

    init(_ ask: @escaping @Sendable () -> String?) throws {
      self.ask = ask
      descriptor = clinux_eventfd(0)
      guard descriptor >= 0 else { throw NoThread(number: errno) }
    }

    deinit { close(descriptor) }

    func run() {
      let found = ask()
      answer.withLock { $0 = found }
      // A counter that is at zero takes it always.
      var one: UInt64 = 1
      _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }
  }

  private let exchange: Exchange
  private var source: IOSource?

  /// Begins; `completion` is called once, from the loop, and may let go of this object.
  init(loop: EventLoop, ask: @escaping @Sendable () -> String?, completion: @escaping (String?) -> Void) throws {
    exchange = try Exchange(ask)
    source = try IOSource(loop, descriptor: exchange.descriptor, events: .readable) { [unowned self] _ in
      source = nil
      completion(exchange.answer.withLock { $0 })
    }
    // Signals are blocked in it as they are in the thread that starts it.
    var thread = pthread_t()
    let shared = Unmanaged.passRetained(exchange)
    let failure = pthread_create(
      &thread, nil,
      { shared in
        Unmanaged<Exchange>.fromOpaque(shared!).takeRetainedValue().run()
        return nil
      }, shared.toOpaque())
    guard failure == 0 else {
      shared.release()
      throw NoThread(number: failure)
    }
    pthread_detach(thread)
  }

  private struct NoThread: Error {
    let number: CInt
  }
}
