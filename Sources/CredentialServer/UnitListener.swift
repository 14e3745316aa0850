import Glibc
package import LocalSockets
package import Systemd

/// The listening socket to which systemd connects.
package final class UnitListener {
  /// How many connections are accepted before the loop serves other sources.
  private static let mostAtOnce = 16

  private let loop: EventLoop
  private unowned let server: UnitServer
  package let listener: UnixListener
  private var acceptor: Acceptor!
  private var source: IOSource?

  /// The server must outlive the listener.
  package init(_ loop: EventLoop, _ listener: UnixListener, server: UnitServer) throws {
    self.loop = loop
    self.server = server
    self.listener = listener
    acceptor = try Acceptor(loop, listener) { [unowned self] in watch($0) }
    source = try IOSource(loop, descriptor: listener.descriptor, events: .readable) { [unowned self] _ in accept() }
  }

  /// Accepts again, since there is room for another connection.
  package func resume() {
    if acceptor.isPaused { acceptor.resume() } else { watch(true) }
  }

  /// Stops listening; accepted connections stay.
  package func stop() {
    source = nil
    acceptor.stop()
  }

  private func accept() {
    for _ in 0..<Self.mostAtOnce where listener.hasConnection {
      // Further connections wait in the queue.
      if server.isFull { return watch(false) }
      guard let (descriptor, peer) = acceptor.accept() else { return }
      let address = PeerAddress.abstract(of: descriptor)
      do {
        let channel = try SocketChannel(loop, descriptor, server: server)
        channel.number = server.accept(channel, from: peer, at: address)
      } catch {
        // Memory has run out, so the connection is closed.
        close(descriptor)
      }
    }
  }

  private func watch(_ isWatched: Bool) {
    // This fails if memory has run out. The listener then stays as it is until the next connection ends.
    try? source?.watch(isWatched ? .readable : [])
  }
}
