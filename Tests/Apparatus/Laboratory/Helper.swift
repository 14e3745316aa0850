import Glibc
import Synchronization

/// A thread of a tool's own. `body` asks now and then whether it is to stop.
package final class Helper: Sendable {
  private let body: @Sendable () -> Void
  private let thread = Mutex<pthread_t?>(nil)

  package init(_ body: @escaping @Sendable () -> Void) throws {
    self.body = body
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { helper in
        Unmanaged<Helper>.fromOpaque(helper!).takeRetainedValue().body()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard failure == 0 else {
      Unmanaged.passUnretained(self).release()
      throw NoThread(number: failure)
    }
    self.thread.withLock { $0 = thread }
  }

  /// Waits for its end, once.
  package func join() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    pthread_join(thread, nil)
  }
}

/// A flag that many threads look at.
package final class StopFlag: Sendable {
  private let raised = Atomic<Bool>(false)

  package init() {}

  package var isRaised: Bool { raised.load(ordering: .acquiring) }

  package func raise() { raised.store(true, ordering: .releasing) }
}

private struct NoThread: Error, CustomStringConvertible {
  let number: CInt

  var description: String { "cannot start a thread: \(String(cString: strerror(number)))" }
}
