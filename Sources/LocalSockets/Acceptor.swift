package import Core
package import Systemd

/// Accepts a listener's connections, and pauses when descriptors or memory have run out.
///
/// The listener stays ready then: a loop that watches it would turn at full speed for nothing. So whoever watches it stops doing so for
/// 100 ms, or until a connection closes, and clients wait in the listener's queue.
package final class Acceptor {
  private static let pause: Int64 = 100_000

  /// Whoever puts another in its place has to watch that one.
  package var listener: UnixListener
  /// Called with the errno when accepting pauses.
  package var paused: ((CInt) -> Void)?

  private let loop: EventLoop
  private let watch: (Bool) -> Void
  private let timer: TimerSource

  /// `watch` begins to watch the listener, or stops; at first it is watched.
  package init(_ loop: EventLoop, _ listener: UnixListener, watch: @escaping (Bool) -> Void) throws(LoopError) {
    self.loop = loop
    self.listener = listener
    self.watch = watch
    timer = try TimerSource(loop, accuracy: 10_000) { watch(true) }
  }

  package var isPaused: Bool { timer.isArmed }

  /// Takes one connection from the queue. Nil when there is none, or when accepting pauses from now on.
  package func accept() -> (descriptor: CInt, peer: Peer)? {
    switch listener.accept() {
    case .connection(let descriptor, let peer): return (descriptor, peer)
    case .nothing: return nil
    case .failed(let number):
      watch(false)
      timer.arm(at: loop.now + Self.pause)
      paused?(number)
      return nil
    }
  }

  /// Ends a pause with the next turn: a connection has closed.
  package func resume() {
    if isPaused { timer.arm(at: loop.now) }
  }

  /// Closes the listener.
  package func stop() {
    timer.disarm()
    listener.close()
  }
}
