import CLinux
import Glibc
import LocalSockets
import Systemd

/// The orderly end: no new clients are accepted, and requests already sent are answered.
extension HTTPServer {
  /// Ends every connection after its requests are answered, or if there are none; then, or after `span`, calls `done` and stops.
  ///
  /// On an inherited socket, later clients stay in the queue for the next process. On our own, clients in the queue are still
  /// answered. A connection without a request yet is waited for, too: its request is usually on its way.
  package func drain(within span: Duration, done: @escaping () -> Void) {
    guard drained == nil, epoll >= 0 else { return }
    drained = done
    outsideDispatch {
      if !listener.isInherited { acceptQueue() }
      guard epoll >= 0 else { return }
      // The inherited socket itself stays open, so closing this duplicate wouldn't remove it from epoll.
      _ = watchListener(CInt(EPOLL_CTL_DEL), 0)
      acceptor.stop()
      for connection in connections where connection.phase != .free && epoll >= 0 { drain(connection) }
    }
    if epoll < 0 { return done() }
    // Exact: clients of an inherited socket wait for the next process from now on, which starts no earlier.
    drainTimer = try? TimerSource(loop, accuracy: 1) { [unowned self] in endDrain() }
    if let drainTimer { drainTimer.arm(at: loop.now + Int64(span / .microseconds(1))) } else { endDrain() }
    endDrainIfDone()
  }

  private func drain(_ connection: Connection) {
    connection.closesAfterOutput = true
    switch connection.phase {
    case .reading
    where connection.output.isEmpty && connection.hasAsked && connection.input.isEmpty && !connection.isQueued:
      // Kept alive for another request: one may have arrived that epoll hasn't reported yet.
      receive(connection)
      if connection.phase == .reading, connection.input.isEmpty, connection.output.isEmpty { release(connection) }
    case .streaming where connection.output.isEmpty, .lingering: release(connection)
    case .free, .reading, .waiting, .streaming: break
    }
  }

  /// Called whenever a connection has ended.
  func endDrainIfDone() {
    if drained != nil, statistics.open == 0 { drainTimer?.arm(at: loop.now) }
  }

  private func endDrain() {
    let done = drained
    stop()
    done?()
  }
}
