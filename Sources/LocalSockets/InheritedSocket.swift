import Glibc

/// A socket that whoever started this process has made.
enum InheritedSocket {
  /// The path of a listening Unix stream socket, empty when it has none. Makes the descriptor close-on-exec and the socket one that doesn't
  /// block.
  static func path(_ descriptor: CInt) throws(ListenError) -> String {
    guard option(SO_DOMAIN, of: descriptor) == AF_UNIX, option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue),
      option(SO_ACCEPTCONN, of: descriptor) == 1
    else { throw .notAListener(descriptor) }
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
    else { throw .call("fcntl", errno) }
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard result == 0 else { throw .call("getsockname", errno) }
    let count = max(0, Int(size) - MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!)
    // An abstract name begins with NUL, and a path that fills its place has none behind it (unix(7)).
    return withUnsafeBytes(of: address.sun_path) { bytes in
      String(decoding: bytes.prefix(count).prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
    var value: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
  }
}
