import CCurl
import Glibc
import Systemd

extension HTTPClient {
  /// Reads the CA file by the path given.
  ///
  /// libcurl fills its store of certificates on the way into a TLS handshake and has no call for that alone. So one is
  /// begun with a socket of our own that listens and never answers: it comes as far as the first message, and needs
  /// no network.
  func prime(_ path: String) throws(HTTPClientError) {
    let (listener, name) = try Self.listen()
    defer { close(listener) }
    let transfer = try makeTransfer()
    transfer.useSocket(abstractName: name)
    do throws(TransportFailure) {
      try transfer.begin(0, HTTPRequest(.post, "https://localhost/"), caFile: path) { _, _ in }
    } catch { throw .library("prepare a handshake", text: error.text) }
    transfer.limit(to: Transfer.Times(settings, proxyLooksUp: false), from: EventLoop.bootTime())
    // The multi handle has it by its pointer alone.
    defer { withExtendedLifetime(transfer) {} }
    multi.add(transfer.easy)
    // A handshake that is waiting for its answer has loaded the store.
    guard let code = multi.drive(transfer.easy, steps: 16) else {
      guard Self.hasMessage(listener) else { throw .library("begin a handshake", text: "it never began") }
      return
    }
    if code == CURLE_SSL_CACERT_BADFILE {
      throw .caFile(
        path: settings.caFile,
        text: Self.whyUnreadable(settings.caFile) ?? "it holds no certificate, or one that can't be read")
    }
    throw .library("begin a handshake", text: String(cString: curl_easy_strerror(code)))
  }

  /// Why the file can't be opened; nil where it can, so that what is in it is to blame.
  private static func whyUnreadable(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    close(descriptor)
    return nil
  }

  /// A socket under an abstract name that the kernel picks (unix(7), autobind), so that nothing appears in a directory.
  private static func listen() throws(HTTPClientError) -> (CInt, String) {
    let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var size = socklen_t(MemoryLayout<sa_family_t>.size)
    let status = withUnsafeMutableBytes(of: &address) { bytes in
      let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
      guard bind(listener, address, size) == 0, Glibc.listen(listener, 1) == 0 else { return errno }
      size = socklen_t(bytes.count)
      return getsockname(listener, address, &size) == 0 ? 0 : errno
    }
    guard status == 0 else {
      close(listener)
      throw .library("make a socket for a handshake", text: String(cString: strerror(status)))
    }
    let name = withUnsafeBytes(of: &address) { bytes in
      // The family, a zero byte, the name; no zero byte at its end.
      String(decoding: bytes[(MemoryLayout<sa_family_t>.size + 1)..<Int(size)], as: UTF8.self)
    }
    return (listener, name)
  }

  /// Whether a client has connected and sent something, which it does once it has its certificates.
  private static func hasMessage(_ listener: CInt) -> Bool {
    let connection = accept(listener, nil, nil)
    guard connection >= 0 else { return false }
    defer { close(connection) }
    var ready = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, 0) == 1 else { return false }
    var byte: UInt8 = 0
    return read(connection, &byte, 1) == 1
  }
}

extension Transfer {
  /// Sends the next request through a Unix socket instead of the URL's host or a proxy.
  fileprivate func useSocket(abstractName: String) {
    ccurl_set_string(easy, CURLOPT_PROXY, "")
    ccurl_set_string(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, abstractName)
  }
}
