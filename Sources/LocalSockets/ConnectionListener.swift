/// A socket whose connections an `Acceptor` accepts.
package protocol ConnectionListener: AnyObject {
  /// -1 once it is closed.
  var descriptor: CInt { get }
  /// Whether the socket was created by the parent process, which keeps it open.
  var isInherited: Bool { get }
  /// Whether its place is still its own.
  var isInPlace: Bool { get }
  /// Whether the queue has a connection.
  var hasConnection: Bool { get }

  /// Accepts one connection from the queue.
  func accept() -> PeerReader.Accepted
  /// Stops listening.
  func close()
}

extension UnixListener: ConnectionListener {}
