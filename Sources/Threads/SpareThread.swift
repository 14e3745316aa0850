import CLinux
import Glibc
import Synchronization

/// Makes a call on a thread beside the caller's, which nobody waits for. All signals are blocked in it: they belong to the loop. Returns 0,
/// or an errno (pthread_create(3)) when there is no thread; `body` isn't called then.
///
/// A thread waits a second for another call before it ends: starting one costs three times what a call of a few microseconds does.
package func callOnThread(_ body: @escaping @Sendable () -> Void) -> CInt {
  if let spare = SpareThread.take() {
    spare.give(body)
    return 0
  }
  guard let thread = SpareThread() else { return startThread(body) }
  thread.give(body)
  return startThread { thread.serve() }
}

/// A thread that makes calls, or waits for one.
private final class SpareThread: Sendable {
  /// More at once are seldom needed again.
  private static let most = 2
  private static let waitMilliseconds: CInt = 1000
  private static let waiting = Mutex<[SpareThread]>([])

  /// Readable when there is a call to be made.
  private let descriptor: CInt
  private let call = Mutex<(@Sendable () -> Void)?>(nil)

  /// nil when there is no descriptor for it.
  init?() {
    descriptor = clinux_eventfd(1)
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  static func take() -> SpareThread? { waiting.withLock { $0.popLast() } }

  func give(_ body: @escaping @Sendable () -> Void) {
    call.withLock { $0 = body }
    var one: UInt64 = 1
    _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
  }

  /// Makes calls on this thread until none has come for a while.
  func serve() { while makeCall(), offer() {} }

  /// Lets go of the call once it is made. False when none came.
  private func makeCall() -> Bool {
    guard let body = next() else { return false }
    body()
    return true
  }

  /// False when enough others wait.
  private func offer() -> Bool {
    Self.waiting.withLock { waiting in
      guard waiting.count < Self.most else { return false }
      waiting.append(self)
      return true
    }
  }

  private func next() -> (@Sendable () -> Void)? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // Who isn't in the list any more has been taken: the call is about to come.
    if Glibc.poll(&poll, 1, Self.waitMilliseconds) == 0, leave() { return nil }
    var count: UInt64 = 0
    while read(descriptor, &count, MemoryLayout.size(ofValue: count)) < 0, errno == EINTR {}
    return call.withLock { call in
      defer { call = nil }
      return call
    }
  }

  private func leave() -> Bool {
    Self.waiting.withLock { waiting in
      guard let place = waiting.firstIndex(where: { $0 === self }) else { return false }
      waiting.remove(at: place)
      return true
    }
  }
}
