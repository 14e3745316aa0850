package import Core
package import Systemd

/// Accepts a listener's connections, and pauses when descriptors or memory have run out.
///
/// The listener stays ready then, and a loop that watches it would spin. So its owner stops watching it for 100 ms, or until a
/// connection closes, and clients wait in the listener's queue.
package final class Acceptor {
  private static let pause: Int64 = 100_000

  /// If the listener is replaced, the caller has to watch the new one.
  package var listener: any ConnectionListener
  /// Called with the errno when accepting pauses.
  package var paused: ((CInt) -> Void)?

  private let loop: EventLoop
  private let watch: (Bool) -> Void
  private let timer: TimerSource

  /// `watch` starts or stops watching the listener, which is watched at first.
  package init(_ loop: EventLoop, _ listener: any ConnectionListener, watch: @escaping (Bool) -> Void) throws(LoopError)
  {
    self.loop = loop
    self.listener = listener
    self.watch = watch
    timer = try TimerSource(loop, accuracy: 10_000) { watch(true) }
  }

  package var isPaused: Bool { timer.isArmed }

  /// Accepts one connection from the queue. Nil if there is none, or if accepting pauses from now on.
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

  /// Ends a pause in the next turn, since a connection has closed.
  package func resume() {
    if isPaused { timer.arm(at: loop.now) }
  }

  /// Closes the listener.
  package func stop() {
    timer.disarm()
    listener.close()
  }
}
