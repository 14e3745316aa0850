import Synchronization

/// How many threads look a name up at present. One that hangs in the host's resolver can't be ended and isn't waited for, so their
/// number has a bound.
final class LookupThreads: Sendable {
  /// Of this process.
  static let shared = LookupThreads(most: 8)

  private let most: Int
  private let count = Atomic<Int>(0)

  init(most: Int) { self.most = most }

  /// False when there are as many as there may be; else `leave` is to be called when the thread is done.
  func enter() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).newValue <= most { return true }
    leave()
    return false
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
