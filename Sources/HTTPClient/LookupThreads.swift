import Synchronization

/// Counts the threads that are looking up names. A look-up that hangs in the host's resolver can't be ended and isn't waited for,
/// so the number of threads is limited.
final class LookupThreads: Sendable {
  /// For this process.
  static let shared = LookupThreads(most: 8)

  private let most: Int
  private let count = Atomic<Int>(0)

  init(most: Int) { self.most = most }

  /// False if the limit is reached; otherwise `leave` has to be called when the thread is done.
  func enter() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).newValue <= most { return true }
    leave()
    return false
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
