import Glibc

/// The address to which the peer of a connection is bound. It doesn't identify the peer: anybody may bind an abstract
/// address.
package enum PeerAddress {
  /// The bytes of an abstract address, including the NUL at the beginning (unix(7)). Nil for a path, for no address,
  /// and if the peer has closed.
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
