import CLinux
import Glibc
import Synchronization

/// Makes a call on another thread, without waiting for it. All signals are blocked there: they belong to the loop. Returns 0, or an
/// errno (pthread_create(3)) if there is no thread; `body` isn't called then.
///
/// A thread waits a second for another call before it ends: starting one takes three times as long as a call of a few microseconds.
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
  /// More are seldom needed at the same time.
  private static let most = 2
  private static let waitMilliseconds: CInt = 1000
  private static let waiting = Mutex<[SpareThread]>([])

  /// An eventfd, readable when there is a call to be made.
  private let descriptor: CInt
  private let call = Mutex<(@Sendable () -> Void)?>(nil)

  /// Nil if there is no descriptor for it.
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

  /// Makes calls on this thread until none arrives for a while.
  func serve() { while makeCall(), offer() {} }

  /// Makes the call and releases it. False if none arrived.
  private func makeCall() -> Bool {
    guard let body = next() else { return false }
    body()
    return true
  }

  /// Adds the thread to those that wait for a call. False if enough others wait.
  private func offer() -> Bool {
    Self.waiting.withLock { waiting in
      guard waiting.count < Self.most else { return false }
      waiting.append(self)
      return true
    }
  }

  private func next() -> (@Sendable () -> Void)? {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // A thread that is no longer in the list has been taken: its call is about to arrive.
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
