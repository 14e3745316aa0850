import Glibc

/// The address that the peer of a connection has bound, which says nothing of who it is: anybody may bind an abstract one.
package enum PeerAddress {
  /// The bytes of an abstract address, the NUL at their beginning included (unix(7)); nil for a path, for none, and when the peer is gone.
  package static func abstract(of descriptor: CInt) -> [UInt8]? {
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) }
    }
    let count = Int(size) - MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
    guard result == 0, count > 1 else { return nil }
    let bytes = withUnsafeBytes(of: address.sun_path) { Array($0.prefix(count)) }
    return bytes.first == 0 ? bytes : nil
  }
}
