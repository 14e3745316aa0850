import CLinux
package import Core
import Glibc

/// A TCP socket that listens at a loopback address.
package final class LoopbackListener: ConnectionListener {
  package let address: LoopbackAddress
  package private(set) var descriptor: CInt
  private let inquiry: CallerInquiry

  /// `inquiry` may be shared, since only one question is asked at a time. Throws unless the kernel can be asked about callers.
  package init(_ address: LoopbackAddress, _ inquiry: CallerInquiry) throws(LoopbackError) {
    self.address = address
    self.inquiry = inquiry
    var call: UnsafePointer<CChar>?
    var bytes = [UInt8](repeating: 0, count: 16)
    if let ipv4 = address.ipv4 { bytes.replaceSubrange(0..<4, with: ipv4) } else { bytes[15] = 1 }
    descriptor = clinux_listen_tcp(address.ipv4 == nil ? AF_INET6 : AF_INET, bytes, address.port, &call)
    guard descriptor >= 0 else {
      throw .call(address, call.map { String(cString: $0) } ?? "listen", -descriptor)
    }
    try inquiry.check(descriptor)
  }

  deinit { close() }

  package var isInherited: Bool { false }
  package var isInPlace: Bool { true }

  package var hasConnection: Bool {
    var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, 0) == 1
  }

  package func accept() -> PeerReader.Accepted {
    let connection = clinux_accept_tcp(descriptor)
    if connection >= 0 { return .connection(connection, .unidentified) }
    switch -connection {
    // Errors of the connection itself (accept(2), "Error handling").
    case EAGAIN, EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH:
      return .nothing
    default: return .failed(-connection)
    }
  }

  /// The user of the client of a connection that was accepted here.
  package func uid(of connection: CInt) -> Result<UInt32, CallerDoubt> { inquiry.uid(of: connection) }

  package func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }
}
