import CLinux
import Glibc

/// The two ends of a TCP connection, as the kernel reports them for the accepted socket.
package struct ConnectionEnds: Hashable, Sendable {
  /// One end. IPv4 addresses are in the mapped form (RFC 4291, 2.5.5.2): a client whose socket is of the family AF_INET6, as Java's
  /// are, reports its IPv4 addresses so.
  package struct End: Hashable, Sendable {
    let high: UInt64
    let low: UInt64
    /// In network byte order, like the address.
    let port: UInt16

    /// `bytes` begin with an address of the family.
    init(_ bytes: UnsafeRawBufferPointer, family: CInt, port: UInt16) {
      if family == AF_INET6 {
        high = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        low = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      } else {
        high = 0
        let mapped = UInt64(bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self).bigEndian) | 0xFFFF << 32
        low = mapped.bigEndian
      }
      self.port = port
    }
  }

  package let client: End
  package let server: End

  init(_ found: clinux_tcp_ends) {
    client = withUnsafeBytes(of: found.client) { End($0, family: found.family, port: found.client_port) }
    server = withUnsafeBytes(of: found.server) { End($0, family: found.family, port: found.server_port) }
  }
}
