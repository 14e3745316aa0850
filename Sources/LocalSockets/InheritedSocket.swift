import Glibc

/// A listening Unix stream socket that the parent process, such as systemd, passed to this one (sd_listen_fds(3)). Its file, mode
/// and group belong to the parent.
///
/// It stays open as long as the process lives, so that clients always find a listener while one server replaces
/// another.
package struct InheritedSocket: Sendable {
  /// The path that it was bound to; empty if it has no file.
  package let path: String
  private let descriptor: CInt

  /// Makes `descriptor` close-on-exec and non-blocking. It stays open.
  package init(_ descriptor: CInt) throws(ListenError) {
    guard Self.option(SO_DOMAIN, of: descriptor) == AF_UNIX,
      Self.option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue),
      Self.option(SO_ACCEPTCONN, of: descriptor) == 1
    else { throw .notAListener(descriptor) }
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
    else { throw .call("fcntl", errno) }
    self.descriptor = descriptor
    path = try Self.path(descriptor)
  }

  /// A listener with its own descriptor for the same socket.
  package func listener() throws(ListenError) -> UnixListener {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .call("fcntl", errno) }
    return UnixListener(inherited: copy, path: path)
  }

  /// Permission bits and group of its file; nil if the file can't be examined, or isn't a socket.
  package var access: (mode: UInt32, gid: UInt32)? {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    return (status.st_mode & 0o7777, status.st_gid)
  }

  private static func path(_ descriptor: CInt) throws(ListenError) -> String {
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard result == 0 else { throw .call("getsockname", errno) }
    let count = max(0, Int(size) - MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!)
    // An abstract name begins with NUL, and a path of maximum length isn't followed by one (unix(7)).
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

/// The daemon's sockets that the parent process passed to it; nil for those that the daemon creates itself.
package struct InheritedSockets: Sendable {
  package let api: InheritedSocket?
  package let credentials: InheritedSocket?

  package init(api: InheritedSocket? = nil, credentials: InheritedSocket? = nil) {
    self.api = api
    self.credentials = credentials
  }

  package var isEmpty: Bool { api == nil && credentials == nil }
}
