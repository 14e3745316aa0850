import CCurl
import Core

/// The options that are set once for each handle.
extension Transfer {
  func configure(_ settings: HTTPClient.Settings) throws(HTTPClientError) {
    try set(CURLOPT_PROTOCOLS_STR, settings.plainSite == nil ? "https" : "http")
    if let path = settings.socketPath { try set(CURLOPT_UNIX_SOCKET_PATH, path) }
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    try check(ccurl_set_tls_version(easy, "0"))
    try set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_VERBOSE, 0)
    // If it ever looks up a name by itself, the end of a transfer doesn't wait for that: 9.5 s with a dead name server.
    try set(CURLOPT_QUICK_EXIT, 1)
    // Requests an uncompressed body. A compressed one is decoded all the same, and the limit applies to the decoded bytes.
    try set(CURLOPT_ACCEPT_ENCODING, "identity")
    setToPostNothing()
    try check(ccurl_set_large(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(bodyLimit)))
    try check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, detail))
  }

  func configure(_ proxy: HTTPClient.Proxy?) throws(HTTPClientError) {
    // If unset, libcurl uses the environment's https_proxy and no_proxy.
    try set(CURLOPT_PROXY, proxy?.url ?? "")
    try set(CURLOPT_NOPROXY, "")
    try set(CURLOPT_HTTPPROXYTUNNEL, 1)
    // Our headers include the signature and are for STS alone. The proxy's headers count only if its answer is the only one: each
    // head replaces the one before.
    try set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
    try check(ccurl_set_pointer(easy, CURLOPT_PROXYHEADER, proxyCredential?.lines))
  }

  // libcurl calls these only inside curl_multi_socket_action, while the client holds the transfer.
  func connectCallbacks() throws(HTTPClientError) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    try check(
      ccurl_set_tls(
        easy, { _, tls, context in Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().setUp(tls!) }, context
      ))
    try check(ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context))
    try check(
      ccurl_set_receive(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
        let transfer = Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
        transfer.head.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
      })
    try check(ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context))
    try check(
      ccurl_set_receive(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
        let transfer = Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
        if transfer.body.append(UnsafeRawBufferPointer(start: bytes, count: size * count)) { return size * count }
        transfer.isTooLarge = true
        // Any other value than the count offered ends the transfer.
        return size * count == 0 ? 1 : 0
      })
    try check(ccurl_set_pointer(easy, CURLOPT_READDATA, context))
    try check(
      ccurl_set_read(easy) { bytes, size, count, context in
        let transfer = Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
        return transfer.readBody(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
      })
    try check(ccurl_set_pointer(easy, CURLOPT_SEEKDATA, context))
    try check(
      ccurl_set_seek(easy) { context, offset, origin in
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().seek(to: offset, from: origin)
      })
  }

  /// Sets up the TLS of a new connection.
  private func setUp(_ tls: UnsafeMutableRawPointer) -> CURLcode {
    let code = ccurl_use_authorities(tls, authorities?.store)
    if code == CURLE_OK, let identity, !identity.use(in: tls) { return CURLE_SSL_CERTPROBLEM }
    return code
  }

  func connect(_ sockets: WatchedSockets) throws(HTTPClientError) {
    try check(
      ccurl_set_sockets(
        easy,
        { context, _, address in
          let sockets = Unmanaged<WatchedSockets>.fromOpaque(context!).takeUnretainedValue()
          return sockets.open(address!.pointee.family, address!.pointee.socktype, address!.pointee.protocol)
        }, { context, socket in Unmanaged<WatchedSockets>.fromOpaque(context!).takeUnretainedValue().close(socket) },
        Unmanaged.passUnretained(sockets).toOpaque()))
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
    try check(ccurl_set_long(easy, option, value))
  }

  private func set(_ option: CURLoption, _ value: String?) throws(HTTPClientError) {
    try check(ccurl_set_string(easy, option, value))
  }

  private func check(_ code: CURLcode) throws(HTTPClientError) {
    if code != CURLE_OK { throw .library("set an option", text: String(cString: curl_easy_strerror(code))) }
  }
}
