import Glibc

/// What the other end of a connection shows that was closed in this process.
///
/// A close may take effect a moment later: where another test starts a program, the child has a copy of every descriptor until it runs it.
package enum SocketEnd {
  /// In milliseconds.
  static let timeout: CInt = 10_000

  /// Waits until there is something to read, or the other end is closed.
  package static func waitToRead(_ descriptor: CInt) -> Bool {
    var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, timeout) == 1
  }
}
