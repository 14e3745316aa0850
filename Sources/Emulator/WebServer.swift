import CMicroHTTPD
import Glibc
import Synchronization

/// An HTTP server on the loopback, one thread per connection, with or without TLS.
final class WebServer: Sendable {
  /// A key and a certificate in PEM.
  struct Identity: Sendable {
    let key: String
    let certificate: String
  }

  let port: UInt16
  private let state: ServerState
  private let daemon: Mutex<OpaquePointer?>

  /// Listens on `address`, an IPv4 address, and `port`, 0 for any free one.
  ///
  /// `handle` and `accept` are called on the connections' threads; `accept` says whether to take a new connection.
  init(
    address: String, port: UInt16, identity: Identity?, accept: @escaping @Sendable () -> Bool = { true },
    handle: @escaping @Sendable (Request) -> Reply
  ) throws(ListenError) {
    var location = in_addr()
    guard inet_pton(AF_INET, address, &location) == 1 else {
      throw ListenError(place: "\(address):\(port)", reason: "it is not an IPv4 address")
    }
    let state = ServerState(isSecure: identity != nil, accept: accept, handle: handle)
    guard let daemon = start(location, port, identity, state) else {
      throw ListenError(place: "\(address):\(port)", reason: String(cString: strerror(errno)))
    }
    self.state = state
    self.port = cmicrohttpd_port(daemon)
    self.daemon = Mutex(daemon)
  }

  deinit { stop() }

  /// Ends all connections and waits for their threads.
  func stop() {
    state.endDelays()
    let daemon = daemon.withLock { daemon in
      defer { daemon = nil }
      return daemon
    }
    if let daemon { MHD_stop_daemon(daemon) }
  }
}

package struct ListenError: Error, CustomStringConvertible {
  let place: String
  let reason: String

  package var description: String { "cannot listen on \(place): \(reason)" }
}

/// What the library's threads need; it outlives them, since the server stops them before it lets go of it.
private final class ServerState: Sendable {
  let isSecure: Bool
  let accept: @Sendable () -> Bool
  let handle: @Sendable (Request) -> Reply
  /// Readable once the server stops, so that delayed answers don't hold it up. -1 when there is none.
  private let stopped: CInt

  init(isSecure: Bool, accept: @escaping @Sendable () -> Bool, handle: @escaping @Sendable (Request) -> Reply) {
    self.isSecure = isSecure
    self.accept = accept
    self.handle = handle
    stopped = eventfd(0, CInt(EFD_CLOEXEC))
  }

  deinit { close(stopped) }

  /// Waits on this thread alone; shorter when the server stops.
  func delay(milliseconds: Int) {
    var watched = pollfd(fd: stopped, events: Int16(POLLIN), revents: 0)
    poll(&watched, 1, CInt(clamping: milliseconds))
  }

  func endDelays() { eventfd_write(stopped, 1) }
}

/// One request on its way in: the library hands it over in pieces.
private final class Exchange {
  let target: String
  var body: [UInt8] = []
  var hasHead = false
  var isTooLarge = false

  init(target: String) { self.target = target }
}

// The library calls back on its own threads with `state` and, per request, an `Exchange` that it owns from the first
// call to `completed`.
private func start(
  _ address: in_addr, _ port: UInt16, _ identity: WebServer.Identity?, _ state: ServerState
) -> OpaquePointer? {
  let callbacks = cmicrohttpd_callbacks(
    accept: { state, _, _ in serverState(state).accept() ? .YES : .NO },
    target: { _, target, _ in
      Unmanaged.passRetained(Exchange(target: target.map { String(cString: $0) } ?? "")).toOpaque()
    },
    handle: { state, connection, _, method, _, upload, uploadSize, exchange in
      guard let connection, let method, let uploadSize, let exchange = exchange?.pointee else { return .NO }
      let taken = Unmanaged<Exchange>.fromOpaque(exchange).takeUnretainedValue()
      return receive(serverState(state), connection, String(cString: method), upload, uploadSize, taken)
    },
    completed: { _, _, exchange, _ in
      if let exchange, let taken = exchange.pointee { Unmanaged<Exchange>.fromOpaque(taken).release() }
      exchange?.pointee = nil
    },
    state: Unmanaged.passUnretained(state).toOpaque())
  return cmicrohttpd_start(address, port, identity?.key, identity?.certificate, callbacks)
}

private func serverState(_ pointer: UnsafeMutableRawPointer?) -> ServerState {
  Unmanaged<ServerState>.fromOpaque(pointer!).takeUnretainedValue()
}

/// Called with the head first, then with each piece of the body, then once more with nothing.
private func receive(
  _ state: ServerState, _ connection: OpaquePointer, _ method: String, _ upload: UnsafePointer<CChar>?,
  _ uploadSize: UnsafeMutablePointer<Int>, _ exchange: Exchange
) -> MHD_Result {
  guard exchange.hasHead else {
    exchange.hasHead = true
    return .YES
  }
  if uploadSize.pointee > 0 {
    exchange.isTooLarge = exchange.isTooLarge || exchange.body.count + uploadSize.pointee > STSService.bodyLimit
    if !exchange.isTooLarge {
      exchange.body += UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee)
    }
    uploadSize.pointee = 0
    return .YES
  }
  guard !exchange.isTooLarge else {
    return send(
      Reply(answer: Answer(status: 413, headers: [], body: []), manner: .whole, delayMilliseconds: 0), connection)
  }
  let reply = state.handle(
    Request(
      method: method, target: exchange.target, headers: headers(of: connection), body: exchange.body,
      isSecure: state.isSecure, sourceAddress: peer(of: connection)))
  if reply.delayMilliseconds > 0 { state.delay(milliseconds: reply.delayMilliseconds) }
  // Without an answer the library closes the connection.
  return reply.manner == .refused ? .NO : send(reply, connection)
}

private func headers(of connection: OpaquePointer) -> [Request.Header] {
  var headers: [Request.Header] = []
  withUnsafeMutablePointer(to: &headers) {
    _ = MHD_get_connection_values(
      connection, .HEADER_KIND,
      { headers, _, name, value in
        headers?.assumingMemoryBound(to: [Request.Header].self).pointee.append(
          .init(name: name.map { String(cString: $0) } ?? "", value: value.map { String(cString: $0) } ?? ""))
        return .YES
      }, $0)
  }
  return headers
}

private func peer(of connection: OpaquePointer) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET_ADDRSTRLEN)) { text in
    cmicrohttpd_peer(connection, text.baseAddress, text.count)
    return String(cString: text.baseAddress!)
  }
}

private func send(_ reply: Reply, _ connection: OpaquePointer) -> MHD_Result {
  let body = reply.answer.body
  let response =
    reply.manner == .brokenOff
    ? brokenResponse(body)
    : body.withUnsafeBytes {
      MHD_create_response_from_buffer(
        $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
    }
  guard let response else { return .NO }
  defer { MHD_destroy_response(response) }
  for header in reply.answer.headers { MHD_add_response_header(response, header.name, header.value) }
  return MHD_queue_response(connection, CUnsignedInt(reply.answer.status), response)
}

/// A response that promises all of `body` and ends the connection after half of it.
private func brokenResponse(_ body: [UInt8]) -> OpaquePointer? {
  let half = Unmanaged.passRetained(Half(of: body))
  return MHD_create_response_from_callback(
    UInt64(body.count), 4096,
    { half, position, target, capacity in
      guard let half, let target else { return Int(-2) }
      let bytes = Unmanaged<Half>.fromOpaque(half).takeUnretainedValue().bytes.dropFirst(Int(position)).prefix(capacity)
      // -2 is MHD_CONTENT_READER_END_WITH_ERROR, a cast that Swift doesn't import.
      guard !bytes.isEmpty else { return Int(-2) }
      UnsafeMutableRawBufferPointer(start: target, count: capacity).copyBytes(from: bytes)
      return bytes.count
    }, half.toOpaque(),
    { half in if let half { Unmanaged<Half>.fromOpaque(half).release() } })
}

private final class Half {
  let bytes: [UInt8]

  init(of body: [UInt8]) { bytes = Array(body.prefix(body.count / 2)) }
}
