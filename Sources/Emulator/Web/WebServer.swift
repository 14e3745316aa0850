import CGnuTLS
import CMicroHTTPD
import Glibc
import Synchronization

/// An HTTP server on the loopback, one thread per connection, with or without TLS.
final class WebServer: Sendable {
  let port: UInt16
  private let state: ServerState
  private let daemon: Mutex<OpaquePointer?>

  /// Listens on `address`, an IPv4 address, and `port`, 0 for any free one.
  ///
  /// With `certificates` it speaks TLS, and with `needsClientCertificate` only to clients that have one by the same authority. `handle` is called on the connections' threads, with bodies of at most 128 KiB.
  /// `policy` is asked for each new connection.
  convenience init(
    address: String, port: UInt16, certificates: Certificates? = nil, needsClientCertificate: Bool = false,
    policy: ConnectionPolicy = ConnectionPolicy(), handle: @escaping @Sendable (Request) -> Reply
  ) throws {
    try self.init(
      address: address, port: port, certificates: certificates, needsClientCertificate: needsClientCertificate,
      policy: policy,
      begin: { BufferedRequest($0, limit: Cloud.bodyLimit, handle: handle) })
  }

  /// `begin` is called on the connections' threads with each request's head, and returns the object that takes its body and
  /// answers.
  convenience init(
    address: String, port: UInt16, certificates: Certificates? = nil, needsClientCertificate: Bool = false,
    policy: ConnectionPolicy = ConnectionPolicy(), begin: @escaping @Sendable (Request) -> any RequestSink
  ) throws {
    let state = try ServerState(
      certificates, needsClientCertificate: needsClientCertificate, policy: policy, begin: begin)
    try self.init(address: address, port: port, certificates: certificates, state)
  }

  private init(address: String, port: UInt16, certificates: Certificates?, _ state: ServerState) throws {
    var location = in_addr()
    guard inet_pton(AF_INET, address, &location) == 1 else {
      throw ListenError(place: "\(address):\(port)", reason: "it is not an IPv4 address")
    }
    guard let daemon = start(location, port, listening: -1, certificates?.server, state) else {
      throw ListenError(place: "\(address):\(port)", reason: String(cString: strerror(errno)))
    }
    self.state = state
    self.port = cmicrohttpd_port(daemon)
    self.daemon = Mutex(daemon)
  }

  /// Listens on a Unix socket, which replaces a former one, in plain HTTP.
  init(
    socket path: String, policy: ConnectionPolicy = ConnectionPolicy(),
    handle: @escaping @Sendable (Request) -> Reply
  ) throws {
    let state = try ServerState(
      nil, needsClientCertificate: false, policy: policy,
      begin: { BufferedRequest($0, limit: Cloud.bodyLimit, handle: handle) })
    let listening = try UnixSocket.listening(at: path)
    guard let daemon = start(in_addr(), 0, listening: listening, nil, state) else {
      defer { close(listening) }
      throw ListenError(place: path, reason: String(cString: strerror(errno)))
    }
    self.state = state
    port = 0
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

/// The handling of new connections, by the peer's IPv4 address as text. Called on the server's threads.
struct ConnectionPolicy: Sendable {
  /// Whether to accept it.
  var takes: @Sendable (String) -> Bool = { _ in true }
  /// The flaw of the certificate that it gets; nil for the good one.
  var flaw: @Sendable (String) -> CertificateFlaw? = { _ in nil }
}

package struct ListenError: Error, CustomStringConvertible {
  let place: String
  let reason: String

  package var description: String { "cannot listen on \(place): \(reason)" }
}

/// The state for the library's threads; it outlives them, since the server stops them before it releases it.
private final class ServerState: Sendable {
  let isSecure: Bool
  let policy: ConnectionPolicy
  let begin: @Sendable (Request) -> any RequestSink
  private let flawed: [CertificateFlaw: TLSCredentials]
  /// The good certificate for connections whose clients have to show one; nil if they don't have to.
  private let verifying: TLSCredentials?
  /// Readable after the server has stopped, so that delayed answers end early. -1 if there is none.
  private let stopped: CInt

  init(
    _ certificates: Certificates?, needsClientCertificate: Bool, policy: ConnectionPolicy,
    begin: @escaping @Sendable (Request) -> any RequestSink
  ) throws {
    isSecure = certificates != nil
    self.policy = policy
    self.begin = begin
    flawed = try certificates?.flawed.mapValues { try TLSCredentials($0) } ?? [:]
    verifying =
      try needsClientCertificate
      ? certificates.map { try TLSCredentials($0.server, trusting: $0.authority) } : nil
    stopped = eventfd(0, CInt(EFD_CLOEXEC))
  }

  deinit { close(stopped) }

  /// Selects the certificate for a new connection, before its handshake.
  func prepare(_ connection: OpaquePointer) {
    guard let session = cmicrohttpd_tls(connection) else { return }
    let flaw = policy.flaw(peer(of: connection))
    let credentials = flaw.flatMap { flawed[$0] } ?? verifying
    credentials?.beShown(in: OpaquePointer(session))
  }

  /// Blocks only this thread; ends early if the server stops.
  func delay(milliseconds: Int) {
    var watched = pollfd(fd: stopped, events: Int16(POLLIN), revents: 0)
    poll(&watched, 1, CInt(clamping: milliseconds))
  }

  func endDelays() { eventfd_write(stopped, 1) }
}

/// One request as it arrives: the library delivers it in pieces.
private final class Exchange {
  let target: String
  /// Nil before its head is read.
  var sink: (any RequestSink)?

  init(target: String) { self.target = target }
}

// The library calls back on its own threads with `state` and, per request, an `Exchange` that it owns from the first call to
// `completed`.
private func start(
  _ address: in_addr, _ port: UInt16, listening: CInt, _ identity: ServerIdentity?, _ state: ServerState
) -> OpaquePointer? {
  let callbacks = cmicrohttpd_callbacks(
    accept: { state, address, _ in
      serverState(state).policy.takes(text { cmicrohttpd_address(address, $0, $1) }) ? .YES : .NO
    },
    connected: { state, connection, _, change in
      if change == .CONNECTION_NOTIFY_STARTED, let connection { serverState(state).prepare(connection) }
    },
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
  return cmicrohttpd_start(address, port, listening, identity?.key, identity?.certificate, callbacks)
}

private func serverState(_ pointer: UnsafeMutableRawPointer?) -> ServerState {
  Unmanaged<ServerState>.fromOpaque(pointer!).takeUnretainedValue()
}

/// Called with the head first, then with each piece of the body, then a last time with nothing.
private func receive(
  _ state: ServerState, _ connection: OpaquePointer, _ method: String, _ upload: UnsafePointer<CChar>?,
  _ uploadSize: UnsafeMutablePointer<Int>, _ exchange: Exchange
) -> MHD_Result {
  guard let sink = exchange.sink else {
    let request = Request(
      method: method, target: exchange.target, headers: headers(of: connection), isSecure: state.isSecure,
      sourceAddress: peer(of: connection))
    let sink = state.begin(request)
    exchange.sink = sink
    // A client that waits for permission to send the body should not have to send it in vain.
    guard request.header("expect") != nil, let reply = sink.earlyReply() else { return .YES }
    return answer(state, connection, reply)
  }
  if uploadSize.pointee > 0 {
    let step = sink.take(UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee))
    uploadSize.pointee = 0
    switch step {
    case .next: return .YES
    case .pause(let milliseconds):
      state.delay(milliseconds: milliseconds)
      return .YES
    case .close: return .NO
    }
  }
  return answer(state, connection, sink.reply())
}

/// Without an answer the library closes the connection.
private func answer(_ state: ServerState, _ connection: OpaquePointer, _ reply: Reply) -> MHD_Result {
  let body = reply.answer.body
  if reply.delayMilliseconds > 0 { state.delay(milliseconds: reply.delayMilliseconds) }
  switch reply.manner {
  case .refused: return .NO
  case .raw(let bytes, let belowTLS):
    sendRaw(bytes, belowTLS: belowTLS, connection)
    return .NO
  case .whole:
    if let file = reply.answer.file { return queue(fileResponse(file), for: reply.answer, connection) }
    let response = body.withUnsafeBytes {
      MHD_create_response_from_buffer(
        $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
    }
    return queue(response, for: reply.answer, connection)
  case .brokenOff:
    return queue(piecewiseResponse(PiecewiseBody(body, end: body.count / 2)), for: reply.answer, connection)
  case .dribbled(let milliseconds):
    let pieces = PiecewiseBody(body, spreadOver: milliseconds) { state.delay(milliseconds: $0) }
    return queue(piecewiseResponse(pieces), for: reply.answer, connection)
  }
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

private func peer(of connection: OpaquePointer) -> String { text { cmicrohttpd_peer(connection, $0, $1) } }

private func text(_ write: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET_ADDRSTRLEN)) { text in
    write(text.baseAddress!, text.count)
    return String(cString: text.baseAddress!)
  }
}

private func queue(_ response: OpaquePointer?, for answer: Answer, _ connection: OpaquePointer) -> MHD_Result {
  guard let response else { return .NO }
  defer { MHD_destroy_response(response) }
  for header in answer.headers { MHD_add_response_header(response, header.name, header.value) }
  return MHD_queue_response(connection, CUnsignedInt(answer.status), response)
}

/// Bypasses the library, which must close the connection next.
private func sendRaw(_ bytes: [UInt8], belowTLS: Bool, _ connection: OpaquePointer) {
  bytes.withUnsafeBytes { bytes in
    if !belowTLS, let session = cmicrohttpd_tls(connection) {
      _ = gnutls_record_send(OpaquePointer(session), bytes.baseAddress, bytes.count)
    } else {
      _ = Glibc.send(cmicrohttpd_descriptor(connection), bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
    }
  }
}
