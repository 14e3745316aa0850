import Glibc

/// Listening Unix sockets.
enum UnixSocket {
  /// A listening socket at `path` that only its owner may connect to; it replaces a former one. The caller closes it.
  static func listening(at path: String) throws(ListenError) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < capacity else {
      throw ListenError(place: path, reason: "a socket's path has at most \(capacity - 1) bytes")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ListenError(place: path, reason: String(cString: strerror(errno))) }
    unlink(path)
    let outcome = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard outcome == 0, chmod(path, 0o600) == 0, listen(descriptor, 1024) == 0 else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw ListenError(place: path, reason: reason)
    }
    return descriptor
  }
}
