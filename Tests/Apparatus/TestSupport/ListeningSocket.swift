import Glibc

/// A Unix stream socket where a test is the server; its file stays when the value is dropped.
package final class ListeningSocket {
  package let path: String
  package let descriptor: CInt

  /// With a queue of no more than `queue` connections and one; nil refuses connections until `beginToListen`.
  package init(_ path: String, queue: CInt? = 8) throws {
    self.path = path
    let address = try UnixAddress(path: path)
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard address.bind(descriptor) == 0 else { throw StreamError(attempt: "bind '\(path)'", number: errno) }
    if let queue { try beginToListen(queue: queue) }
  }

  deinit { close(descriptor) }

  package func beginToListen(queue: CInt = 8) throws {
    guard listen(descriptor, queue) == 0 else { throw StreamError(attempt: "listen at '\(path)'", number: errno) }
  }

  /// Waits for a client; the descriptor is the caller's to close.
  package func takeConnection() throws -> CInt {
    let connection = accept(descriptor, nil, nil)
    guard connection >= 0 else { throw StreamError(attempt: "accept at '\(path)'", number: errno) }
    // A program that another test starts meanwhile would keep it open.
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    return connection
  }
}
