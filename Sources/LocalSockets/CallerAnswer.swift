import Glibc

/// Why it isn't known whose socket is at the other end of a TCP connection. Such a caller gets nothing.
package enum CallerDoubt: Error, Hashable, Sendable {
  /// The client has closed its socket, shut it down or exited. The kernel then reports uid 0 for it, which isn't root's.
  case gone
  /// The kernel's answer is about another socket, such as one that listens at the client's port.
  case other
  /// The kernel reported this errno, ENOENT if the other end isn't a socket of this host's network namespace.
  case failed(CInt)
  /// The kernel's answer couldn't be read.
  case malformed

  package var description: String {
    switch self {
    case .gone: "the client has closed the connection"
    case .other: "the kernel found another socket than the client's"
    case .failed(ENOENT): "the client isn't a process of this host"
    case .failed(let number): "the kernel doesn't report the client: \(String(cString: strerror(number)))"
    case .malformed: "the kernel's answer about the client is malformed"
    }
  }
}

/// The kernel's answer to the question for a connection's client: one netlink message with an `inet_diag_msg` or an error (netlink(7),
/// sock_diag(7)).
package enum CallerAnswer {
  // Offsets in the message: the header has 16 bytes.
  private static let type = 4
  private static let error = 16
  private static let family = 16
  private static let state = 17
  private static let clientPort = 20
  private static let serverPort = 22
  private static let clientAddress = 24
  private static let serverAddress = 40
  private static let uid = 80
  private static let inode = 84
  package static let size = 88

  /// NLMSG_ERROR, and SOCK_DIAG_BY_FAMILY.
  private static let errorType: UInt16 = 2
  private static let answerType: UInt16 = 20
  /// TCP_ESTABLISHED in the kernel's include/net/tcp_states.h.
  private static let established: UInt8 = 1

  /// The user that made the client's socket.
  ///
  /// Only if the answer is about exactly this connection, and the client's end is open in both directions and held by a process. The
  /// kernel answers without an error for a client that has left, too, as uid 0 and inode 0, and with a listening socket if there is no
  /// connection any more.
  package static func uid(in answer: UnsafeRawBufferPointer, of ends: ConnectionEnds) -> Result<UInt32, CallerDoubt> {
    func value<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: T.Type = T.self) -> T {
      answer.loadUnaligned(fromByteOffset: offset, as: T.self)
    }
    guard answer.count >= error + 4 else { return .failure(.malformed) }
    let kind: UInt16 = value(type)
    if kind == errorType {
      let number: Int32 = value(error)
      return .failure(number < 0 ? .failed(-number) : .malformed)
    }
    guard kind == answerType, answer.count >= size else { return .failure(.malformed) }
    let found = CInt(value(family, as: UInt8.self))
    guard found == AF_INET || found == AF_INET6 else { return .failure(.malformed) }
    func end(_ address: Int, _ port: Int) -> ConnectionEnds.End {
      ConnectionEnds.End(UnsafeRawBufferPointer(rebasing: answer[address...]), family: found, port: value(port))
    }
    guard end(clientAddress, clientPort) == ends.client, end(serverAddress, serverPort) == ends.server else {
      return .failure(.other)
    }
    guard value(state, as: UInt8.self) == established, value(inode, as: UInt32.self) != 0 else {
      return .failure(.gone)
    }
    return .success(value(uid))
  }
}
