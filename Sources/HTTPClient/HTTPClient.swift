import CCurl
package import EventLoop
package import Secrets

/// Sends POST requests over verified HTTPS without ever blocking the loop: one multi handle of libcurl with a few reusable easy handles.
///
/// There is no queue in here. Who posts asks `freeHandles` first and decides what goes next.
///
/// The program ignores SIGPIPE (`signal(SIGPIPE, SIG_IGN)`), which OpenSSL's writes to a closed connection else raise, makes its signal sources
/// before the first transfer, since libcurl resolves names in threads of its own that inherit the mask, and clears SSLKEYLOGFILE from its
/// environment, by which libcurl would write session keys to a file. Let go of with transfers in flight, the client ends them and calls no completion.
package final class HTTPClient {
  /// How many requests can be on their way at once; also the number of connections.
  package static let handles = 16
  /// How many connections stay open when nothing waits, and handles with them.
  private static let quietConnections = 2
  /// The largest body of an answer, in bytes.
  package static let bodyLimit = 64 * 1024

  package struct Settings: Hashable, Sendable {
    /// The authorities' certificates, PEM; read when the client is primed, and again after 24 h of use (CURLOPT_CA_CACHE_TIMEOUT(3)).
    package var caFile: String
    /// For name, connection and TLS handshake together.
    package var connectTimeout: Duration
    /// For the whole request.
    package var timeout: Duration

    /// nil to connect to the URL's host itself, whatever the environment says.
    package var proxy: Proxy?

    package init(
      caFile: String = "/etc/ssl/certs/ca-certificates.crt", connectTimeout: Duration = .seconds(3),
      timeout: Duration = .seconds(10), proxy: Proxy? = nil
    ) {
      self.caFile = caFile
      self.connectTimeout = connectTimeout
      self.timeout = timeout
      self.proxy = proxy
    }
  }

  /// An HTTP proxy: each connection is a tunnel through it (CONNECT), in which TLS is spoken with the URL's host.
  package struct Proxy: Hashable, Sendable {
    /// `http://HOST:PORT`.
    package var url: String
    /// Who we are to it (Basic, RFC 7617); nil to say nothing.
    package var user: String?

    package init(url: String, user: String? = nil) {
      self.url = url
      self.user = user
    }
  }

  /// A request on its way.
  package struct TransferID: Hashable, Sendable {
    fileprivate let serial: UInt64
  }

  let settings: Settings
  private let proxyCredential: ProxyCredential?
  private(set) var multi: MultiHandle!
  private var idle: [Transfer] = []
  private var inFlight: [UnsafeMutableRawPointer: Transfer] = [:]
  private var lastSerial: UInt64 = 0
  /// Takes the place of the buffer whose body is being read, so that the handle is free again meanwhile.
  private var spare = BodyBuffer(capacity: HTTPClient.bodyLimit)

  /// `proxyPassword` goes with `settings.proxy.user`.
  package init(_ loop: EventLoop, settings: Settings, proxyPassword: Secret? = nil) throws(HTTPClientError) {
    self.settings = settings
    if let user = settings.proxy?.user, let proxyPassword {
      proxyCredential = try ProxyCredential(user: user, password: proxyPassword)
    } else {
      proxyCredential = nil
    }
    try Self.initialiseLibrary()
    multi = try MultiHandle(loop, connections: Self.handles) { [weak self] easy, code in self?.finish(easy, code) }
    multi.keepConnections(Self.quietConnections)
  }

  deinit {
    for transfer in inFlight.values { multi.remove(transfer.easy) }
  }

  /// Whether more requests wait for their turn. When none do, what only a burst needed is let go of as its requests end: each
  /// connection with its handle takes some 70 KB.
  package var hasMoreWaiting = false {
    didSet {
      if hasMoreWaiting != oldValue {
        multi.keepConnections(hasMoreWaiting ? Self.handles * 2 : Self.quietConnections)
      }
    }
  }

  package var freeHandles: Int { Self.handles - inFlight.count }

  /// Sends a POST with an empty body and `headers`, each a whole line (`name: value`), and calls `completion` once from a later turn of the loop, when the handle is free again.
  /// The body is empty on failure; it is overwritten as `completion` returns, which may post, cancel, or let go of the client.
  ///
  /// Only when `freeHandles` is above 0. Throws when the request can't be sent as it is, and then `completion` isn't called.
  /// libcurl repeats a request by itself when a kept connection turns out to have been closed before the first byte of an answer.
  @discardableResult
  package func post(
    to url: String, headers: [String], completion: @escaping (HTTPOutcome, Span<UInt8>) -> Void
  ) throws(TransportFailure) -> TransferID {
    precondition(freeHandles > 0, "posted without a free handle")
    let transfer = try takeTransfer()
    lastSerial += 1
    do throws(TransportFailure) {
      try transfer.begin(lastSerial, url: url, headers: headers, completion: completion)
    } catch {
      idle.append(transfer)
      throw error
    }
    inFlight[transfer.easy] = transfer
    multi.add(transfer.easy)
    return TransferID(serial: lastSerial)
  }

  /// Ends a request without calling its completion; nothing when it has ended already.
  package func cancel(_ id: TransferID) {
    guard let transfer = inFlight.values.first(where: { $0.serial == id.serial }) else { return }
    inFlight[transfer.easy] = nil
    multi.remove(transfer.easy)
    transfer.clear()
    keep(transfer)
  }

  private func finish(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) {
    guard let transfer = inFlight.removeValue(forKey: easy) else { return }
    let (outcome, completion) = transfer.end(code, spare: &spare)
    keep(transfer)
    let body = spare
    if case .failure = outcome { body.wipe() }
    body.withBytes { completion?(outcome, $0) }
    body.wipe()
  }

  private func keep(_ transfer: Transfer) {
    if hasMoreWaiting || idle.count < Self.quietConnections { idle.append(transfer) }
  }

  /// An easy handle costs 14 KB, so each is made when it is needed for the first time.
  private func takeTransfer() throws(TransportFailure) -> Transfer {
    if let transfer = idle.popLast() { return transfer }
    do throws(HTTPClientError) { return try makeTransfer() } catch {
      throw TransportFailure(.other, text: "\(error)")
    }
  }

  func makeTransfer() throws(HTTPClientError) -> Transfer { try Transfer(settings, proxyCredential: proxyCredential) }

  // Not safe to run twice at once by its own account, hence by Swift's once.
  private static let initialised = curl_global_init(Int(CURL_GLOBAL_ALL))

  private static func initialiseLibrary() throws(HTTPClientError) {
    if initialised != CURLE_OK {
      throw .library("initialise libcurl", text: String(cString: curl_easy_strerror(initialised)))
    }
  }
}
