import Glibc
package import LocalSockets
package import Systemd

/// The socket that systemd connects to, on the loop.
package final class UnitListener {
  /// How many connections are taken from the queue before others have their turn.
  private static let mostAtOnce = 16

  private let loop: EventLoop
  private unowned let server: UnitServer
  private var acceptor: Acceptor!
  private var source: IOSource?

  /// The server lives longer.
  package init(_ loop: EventLoop, _ listener: UnixListener, server: UnitServer) throws {
    self.loop = loop
    self.server = server
    acceptor = try Acceptor(loop, listener) { [unowned self] in watch($0) }
    source = try IOSource(loop, descriptor: listener.descriptor, events: .readable) { [unowned self] _ in accept() }
  }

  package var listener: UnixListener { acceptor.listener }

  /// There is room for another connection.
  package func resume() {
    if acceptor.isPaused { acceptor.resume() } else { watch(true) }
  }

  /// Nobody can connect any more; connections that there are stay.
  package func stop() {
    source = nil
    acceptor.stop()
  }

  private func accept() {
    for _ in 0..<Self.mostAtOnce where listener.hasConnection {
      // Whoever comes now waits in the queue.
      if server.isFull { return watch(false) }
      guard let (descriptor, peer) = acceptor.accept() else { return }
      let address = PeerAddress.abstract(of: descriptor)
      do {
        let channel = try SocketChannel(loop, descriptor, server: server)
        channel.number = server.accept(channel, from: peer, at: address)
      } catch {
        // Memory has run out; the kernel has no more for this one.
        close(descriptor)
      }
    }
  }

  private func watch(_ isWatched: Bool) {
    // It fails where memory has run out. The listener stays as it is then, and is looked at again with the next connection that ends.
    try? source?.watch(isWatched ? .readable : [])
  }
}
