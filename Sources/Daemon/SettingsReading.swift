import CLinux
import EventLoop
import Glibc
import Settings
import Synchronization

/// One reading of the settings on a thread of its own: it looks up users and groups, and a directory service that is down
/// may take minutes over that.
final class SettingsReading {
  /// What the thread and the loop share.
  private final class Exchange: Sendable {
    let path: String
    let descriptor: CInt
    let loaded = Mutex<LoadedSettings?>(nil)

    init(path: String) throws {
      self.path = path
      descriptor = clinux_eventfd(0)
      guard descriptor >= 0 else { throw ThreadError(number: errno) }
    }

    deinit { close(descriptor) }

    func read() {
      let result = SettingsLoader().load(path)
      loaded.withLock { $0 = result }
      // A counter that is at zero takes it always.
      var one: UInt64 = 1
      _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }
  }

  private let exchange: Exchange
  private var source: IOSource?

  /// Begins; `completion` is called once, from the loop, and may let go of this object.
  init(of path: String, loop: EventLoop, completion: @escaping (LoadedSettings) -> Void) throws {
    exchange = try Exchange(path: path)
    source = try IOSource(loop, descriptor: exchange.descriptor, events: .readable) { [unowned self] _ in
      source = nil
      if let loaded = exchange.loaded.withLock({ $0 }) { completion(loaded) }
    }
    // Signals are blocked in it as they are in the thread that starts it.
    var thread = pthread_t()
    let shared = Unmanaged.passRetained(exchange)
    let failure = pthread_create(
      &thread, nil,
      { shared in
        Unmanaged<Exchange>.fromOpaque(shared!).takeRetainedValue().read()
        return nil
      }, shared.toOpaque())
    guard failure == 0 else {
      shared.release()
      throw ThreadError(number: failure)
    }
    pthread_detach(thread)
  }
}

private struct ThreadError: Error, CustomStringConvertible {
  let number: CInt

  var description: String { "cannot read the settings beside the loop: \(String(cString: strerror(number)))" }
}
