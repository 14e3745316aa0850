import CLinux
import Glibc
import LocalSockets
import Systemd

/// The end in good order: nobody new is taken in, and who has sent a request gets the answer.
extension HTTPServer {
  /// Ends every connection once what it has asked is answered, or nothing was asked on it; then, or after `span`, calls `done` and stops.
  ///
  /// A socket that was inherited keeps those who come from now on for the next process. Of our own, whoever is in its queue still gets an answer.
  /// A connection on which nothing was asked yet is waited for, too: its request is mostly on its way.
  package func drain(within span: Duration, done: @escaping () -> Void) {
    guard drained == nil, epoll >= 0 else { return }
    drained = done
    outsideDispatch {
      if !listener.isInherited { acceptQueue() }
      guard epoll >= 0 else { return }
      // An inherited socket stays open beside this descriptor of it, and epoll would go on with it.
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
      // Kept for the next request: one may be there that epoll hasn't reported yet.
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
