import CLinux
import EventLoop
import Glibc
import Synchronization

/// One look-up of a name on a thread of its own, which lives as long as the host's resolver takes; the loop hears of its end.
///
/// The thread is never waited for. Let go of earlier, the look-up ends by itself and nobody hears of it.
final class NameLookup {
  /// What the thread and the loop share.
  private final class Exchange: Sendable {
    let name: String
    let lookUp: @Sendable (String) -> NameAnswer
    let descriptor: CInt
    let answer = Mutex<NameAnswer?>(nil)

    init(_ name: String, _ lookUp: @escaping @Sendable (String) -> NameAnswer) throws(LoopError) {
      self.name = name
      self.lookUp = lookUp
      descriptor = clinux_eventfd(0)
      guard descriptor >= 0 else { throw LoopError(attempt: "make an event descriptor", errno: errno) }
    }

    deinit { close(descriptor) }

    func run() {
      let found = lookUp(name)
      answer.withLock { $0 = found }
      // A counter that is at zero takes it always.
      var one: UInt64 = 1
      _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }
  }

  private let exchange: Exchange
  private var source: IOSource?

  /// Begins; `completion` is called once, from the loop, and may let go of this object.
  init(
    of name: String, by lookUp: @escaping @Sendable (String) -> NameAnswer, loop: EventLoop,
    completion: @escaping (NameAnswer) -> Void
  ) throws(LoopError) {
    exchange = try Exchange(name, lookUp)
    source = try IOSource(loop, descriptor: exchange.descriptor, events: .readable) { [unowned self] _ in
      source = nil
      if let answer = exchange.answer.withLock({ $0 }) { completion(answer) }
    }
    let failure = Self.start(exchange)
    if failure != 0 { throw LoopError(attempt: "start a thread", errno: failure) }
  }

  deinit {
    // Off the loop before its descriptor may be closed.
    source = nil
  }

  /// Signals are the loop's.
  private static func start(_ exchange: Exchange) -> CInt {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let shared = Unmanaged.passRetained(exchange)
    let failure = pthread_create(
      &thread, nil,
      { shared in
        Unmanaged<Exchange>.fromOpaque(shared!).takeRetainedValue().run()
        return nil
      }, shared.toOpaque())
    if failure == 0 { pthread_detach(thread) } else { shared.release() }
    return failure
  }
}
