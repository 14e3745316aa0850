import CCurl
package import Secrets
package import Systemd

/// Sends requests over verified HTTPS without ever blocking the loop, with one multi handle of libcurl and a few reusable easy
/// handles.
///
/// A caller with priorities of its own checks `freeHandles` and decides which request goes next; any other caller waits by
/// `awaitHandle`.
///
/// Names are looked up on threads that nothing waits for, and a late result serves the next request (`NameResolver`). A replaced CA
/// file is read again before the next request; while more requests wait for their turn, within 50 ms.
///
/// The program must ignore SIGPIPE (`signal(SIGPIPE, SIG_IGN)`), which OpenSSL's writes to a closed connection would otherwise
/// raise, create its signal sources before the first thread, and remove SSLKEYLOGFILE from its environment, since libcurl would
/// write session keys to that file. If the client is released with transfers in flight, it ends them and calls no completion.
package final class HTTPClient {
  /// The maximum number of requests under way; also the number of connections, unless `Settings.connections` sets another.
  package static let handles = 16
  /// The number of connections and handles that are kept when nothing waits.
  private static let quietConnections = 2
  /// The largest body of an answer, in bytes, unless `Settings.bodyLimit` sets another.
  package static let bodyLimit = 64 * 1024

  package struct Settings: Hashable, Sendable {
    /// The CA certificates, PEM; read when the client is primed, and again whenever the file has changed.
    package var caFile: String
    /// For connection and TLS handshake together.
    package var connectTimeout: Duration
    /// For the whole request after the name is looked up.
    package var timeout: Duration
    /// For looking up the name. A result that comes later serves the next request.
    package var lookupTimeout: Duration

    /// The size of the pieces in which a request's body is read and sent, in bytes: from 16,384, libcurl's minimum and enough for
    /// requests without a body, to 2 MiB (CURLOPT_UPLOAD_BUFFERSIZE(3)). Each request that is being sent has such a buffer, no
    /// larger than its body.
    package var uploadBuffer = 16_384

    /// The maximum number of connections, at least `handles`. A larger number keeps idle connections to one server while all
    /// handles are in use for another; otherwise those are closed and their handshakes repeated again and again.
    package var connections = HTTPClient.handles

    /// The largest body of an answer, in bytes. Two buffers of that size are kept, of which only what answers fill takes memory.
    package var bodyLimit = HTTPClient.bodyLimit

    /// How many sockets are served in a turn of the loop, at least 1. A larger number is more efficient, but other sources of the
    /// loop wait longer.
    package var socketsPerTurn = 1

    /// Nil to connect directly to the URL's host, whatever the environment says.
    package var proxy: Proxy?

    /// `http://ADDRESS:PORT` with a literal address: the one server that is asked without TLS, and no other one is asked then. Never
    /// through a proxy.
    package var plainSite: String?
    /// The Unix socket on which that server listens.
    package var socketPath: String?

    package init(
      caFile: String = "/etc/ssl/certs/ca-certificates.crt", connectTimeout: Duration, timeout: Duration,
      lookupTimeout: Duration, proxy: Proxy? = nil
    ) {
      self.caFile = caFile
      self.connectTimeout = connectTimeout
      self.timeout = timeout
      self.lookupTimeout = lookupTimeout
      self.proxy = proxy
    }

    /// The maximum duration of a request, including the look-up of its name.
    var wholeTimeout: Duration { max(timeout, lookupTimeout + connectTimeout) }
  }

  /// An HTTP proxy: each connection is a tunnel through it (CONNECT), with TLS from end to end.
  package struct Proxy: Hashable, Sendable {
    /// `http://HOST:PORT`.
    package var url: String
    /// The user name for the proxy (Basic, RFC 7617); nil to send none.
    package var user: String?
    /// Hosts that are connected to without the proxy.
    package var exemptions: ProxyExemptions

    package init(url: String, user: String? = nil, exemptions: ProxyExemptions = ProxyExemptions("")) {
      self.url = url
      self.user = user
      self.exemptions = exemptions
    }
  }

  /// Identifies a request under way.
  package struct TransferID: Hashable, Sendable {
    fileprivate let serial: UInt64
  }

  /// Called when a changed CA file is in force, or with the reason why it can't be used while the old certificates, if any, stay in
  /// force.
  package var authoritiesChanged: (HTTPClientError?) -> Void = { _ in }

  /// Why the present CA file can't be used, so that the certificates read before, if any, are in force, and since when
  /// (CLOCK_BOOTTIME, µs); nil while it is used.
  package var authoritiesProblem: (error: HTTPClientError, since: Int64)? {
    guard let error = authorities.problem, let since = authorities.problemSince else { return nil }
    return (error, since)
  }

  /// Whether there are certificates to verify servers with. Without any, every request fails.
  package var hasAuthorities: Bool { authorities.certificates != nil }

  /// What the client presents on the connections of later requests; none that was made with another one is used for them.
  package var identity: ClientIdentity? {
    didSet {
      guard identity !== oldValue else { return }
      identityNumber += 1
      // They would keep the key before.
      idle = []
    }
  }
  /// Unique for each identity.
  private var identityNumber = 0

  let settings: Settings
  private(set) var authorities: Authorities
  let resolver: NameResolver
  private let proxyHost: HostToLookUp?
  private let proxyCredential: ProxyCredential?
  private(set) var multi: MultiHandle!
  private var idle: [Transfer] = []
  private var inFlight: [UnsafeMutableRawPointer: Transfer] = [:]
  private var lastSerial: UInt64 = 0
  /// Fires when the current address has accepted no connection for so long that the next one is tried.
  private var addressTimer: TimerSource!
  private var pace: SendPace!
  private var line: [WeakPlace] = []
  private var lineServer: DeferSource!
  /// When the CA file was last checked for a change, in µs.
  private var lastLook: Int64 = 0
  /// How long one check is enough while requests follow each other.
  private static let leastLook: Int64 = 50_000
  /// Replaces the buffer whose body is being read, so that the handle is free again meanwhile.
  private var spare: BodyBuffer

  /// `proxyPassword` goes with `settings.proxy.user`.
  package convenience init(
    _ loop: EventLoop, settings: Settings, proxyPassword: Secret? = nil
  ) throws(HTTPClientError) {
    try self.init(loop, settings: settings, proxyPassword: proxyPassword, lookUp: SystemNames.lookUp)
  }

  /// The same with another resolver, for tests.
  init(
    _ loop: EventLoop, settings: Settings, proxyPassword: Secret?, lookUp: @escaping NameResolver.LookUp,
    threads: LookupThreads = .shared
  ) throws(HTTPClientError) {
    self.settings = settings
    spare = BodyBuffer(capacity: settings.bodyLimit)
    authorities = Authorities(file: settings.caFile)
    proxyHost = settings.proxy.flatMap { HostToLookUp(url: $0.url) }
    do throws(LoopError) {
      resolver = try NameResolver(loop, timeout: settings.lookupTimeout, lookUp: lookUp, threads: threads)
    } catch { throw .loop(error) }
    if let user = settings.proxy?.user, let proxyPassword {
      proxyCredential = try ProxyCredential(user: user, password: proxyPassword)
    } else {
      proxyCredential = nil
    }
    try Self.initialiseLibrary()
    multi = try MultiHandle(
      loop, connections: settings.connections, socketsPerTurn: settings.socketsPerTurn
    ) { [weak self] in self?.finish($0, $1) }
    multi.keepConnections(Self.quietConnections)
    do throws(LoopError) {
      addressTimer = try TimerSource(loop, accuracy: 1000) { [unowned self] in giveAddressesUp() }
      pace = try SendPace(loop)
    } catch { throw .loop(error) }
    lineServer = DeferSource(loop) { [unowned self] in withExtendedLifetime(self) { serveLine() } }
  }

  deinit {
    for transfer in inFlight.values where !transfer.isLookingUp { multi.remove(transfer.easy) }
  }

  /// Whether more requests wait for their turn. If none do, connections and handles that only a burst needed are released as its
  /// requests end: each pair takes some 70 KB.
  package var hasMoreWaiting = false {
    didSet {
      if hasMoreWaiting != oldValue {
        multi.keepConnections(hasMoreWaiting ? Self.handles * 2 : Self.quietConnections)
      }
    }
  }

  /// The maximum rate in bytes per second of all bodies that are read from streams together, at least 1; nil for no limit.
  package var sendRate: Int? {
    didSet { if sendRate != oldValue { pace.limit(to: sendRate) } }
  }

  /// Without the handles that `awaitHandle` callers wait for.
  package var freeHandles: Int { max(0, Self.handles - inFlight.count - line.count { $0.place != nil }) }

  /// A place in the queue for a handle; releasing it leaves the queue.
  package final class Place {
    fileprivate let serve: () -> Void

    fileprivate init(_ serve: @escaping () -> Void) { self.serve = serve }
  }

  private struct WeakPlace {
    weak var place: Place?
  }

  /// Calls `serve` in a later turn, when there is a handle that it may send with; first come, first served.
  package func awaitHandle(_ serve: @escaping () -> Void) -> Place {
    let place = Place(serve)
    line.append(WeakPlace(place: place))
    if inFlight.count < Self.handles { lineServer.schedule() }
    return place
  }

  private func serveLine() {
    while inFlight.count < Self.handles, !line.isEmpty {
      if let place = line.removeFirst().place { place.serve() }
    }
  }

  /// Sends a request; calls `completion` once from a later turn of the loop, when the handle is free again. The answer's body is
  /// empty on failure; it is overwritten when `completion` returns. `completion` may send, cancel, or release the client.
  ///
  /// Only allowed if `freeHandles` is above 0, in a completion, or in `serve` of `awaitHandle`. Throws if the request can't be sent
  /// as it is; then `completion` isn't called. libcurl repeats a request by itself if a kept-alive connection turns out to have
  /// been closed before the first byte of an answer.
  @discardableResult
  package func send(
    _ request: HTTPRequest, completion: @escaping (HTTPOutcome, Span<UInt8>) -> Void
  ) throws(TransportFailure) -> TransferID {
    precondition(inFlight.count < Self.handles, "sent without a free handle")
    // For a client that wasn't primed. If the certificates can't be read, the request fails for that reason (`caFile`).
    if settings.plainSite == nil {
      if authorities.certificates == nil { try? prime() }
      if !hasMoreWaiting || EventLoop.bootTime() - lastLook >= Self.leastLook { lookAtAuthorities() }
    }
    let transfer = try takeTransfer()
    lastSerial += 1
    do throws(TransportFailure) {
      try transfer.begin(
        lastSerial, request, authorities.certificates, as: (identity, identityNumber), completion: completion)
    } catch {
      idle.append(transfer)
      throw error
    }
    inFlight[transfer.easy] = transfer
    connect(transfer)
    return TransferID(serial: lastSerial)
  }

  /// Hands a request to libcurl, as soon as the address to connect to is known.
  private func connect(_ transfer: Transfer) {
    let host = transfer.named
    let next = transfer.usesProxy ? proxyHost : host
    let times = Transfer.Times(settings, proxyLooksUp: transfer.usesProxy && host != nil)
    guard let next else { return start(transfer, times) }
    if let addresses = resolver.addresses(of: next.name) {
      transfer.use(addresses, of: next)
      return start(transfer, times)
    }
    transfer.isLookingUp = true
    let begun = EventLoop.bootTime()
    let (easy, serial) = (transfer.easy, transfer.serial)
    resolver.wait(for: next.name, serial: serial) { [weak self] answer in
      // The handle may carry another request by now.
      guard let self, let transfer = inFlight[easy], transfer.serial == serial else { return }
      transfer.isLookingUp = false
      switch answer {
      case .addresses(let addresses):
        transfer.use(addresses, of: next)
        start(transfer, times.after(.microseconds(EventLoop.bootTime() - begun)))
      case .failure(let why), .unanswered(let why):
        let failure = TransportFailure(unresolved: next.name, why, isProxy: transfer.usesProxy)
        complete(transfer) { $0.end(failure, spare: &$1) }
      case .notAsked(let why):
        let failure = TransportFailure(notLookedUp: next.name, why)
        complete(transfer) { $0.end(failure, spare: &$1) }
      }
    }
  }

  private func start(_ transfer: Transfer, _ times: Transfer.Times) {
    transfer.limit(to: times, from: EventLoop.bootTime())
    if transfer.addressDeadline != nil || addressTimer.isArmed { armAddressTimer() }
    multi.add(transfer.easy)
  }

  // MARK: - One address after the other

  private func armAddressTimer() {
    guard let next = inFlight.values.lazy.compactMap(\.addressDeadline).min() else { return addressTimer.disarm() }
    if next != addressTimer.deadline { addressTimer.arm(at: next) }
  }

  private func giveAddressesUp() {
    let now = EventLoop.bootTime()
    for transfer in inFlight.values where transfer.addressDeadline.map({ $0 <= now }) == true {
      guard !transfer.isConnected, let rest = transfer.timeLeft(at: now) else {
        transfer.forgetAddressDeadline()
        continue
      }
      multi.remove(transfer.easy)
      noteAddresses(of: transfer, didFail: true)
      transfer.tryNextAddresses()
      start(transfer, rest)
    }
    armAddressTimer()
  }

  /// Moves on to other addresses after the current ones refused the connection; false if there are none.
  private func goOn(_ transfer: Transfer, after code: CURLcode) -> Bool {
    guard code == CURLE_COULDNT_CONNECT, let rest = transfer.timeLeft(at: EventLoop.bootTime()),
      transfer.tryNextAddresses()
    else { return false }
    start(transfer, rest)
    return true
  }

  private func noteAddresses(of transfer: Transfer, didFail: Bool) {
    guard let host = transfer.host else { return }
    for address in transfer.usedAddresses {
      if didFail {
        resolver.requestFailed(by: address, of: host.name)
      } else {
        resolver.requestSucceeded(by: address, of: host.name)
      }
    }
  }

  /// Ends a request without calling its completion; nothing if it has ended already.
  package func cancel(_ id: TransferID) {
    guard let transfer = inFlight.values.first(where: { $0.serial == id.serial }) else { return }
    inFlight[transfer.easy] = nil
    if transfer.isLookingUp { resolver.forget(transfer.serial) } else { multi.remove(transfer.easy) }
    transfer.clear()
    keep(transfer)
  }

  private func finish(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) {
    guard let transfer = inFlight[easy] else { return }
    noteAddresses(of: transfer, didFail: code != CURLE_OK)
    if goOn(transfer, after: code) { return }
    complete(transfer) { $0.end(code, spare: &$1) }
  }

  private func complete(
    _ transfer: Transfer, _ end: (Transfer, inout BodyBuffer) -> (HTTPOutcome, Transfer.Completion?)
  ) {
    inFlight[transfer.easy] = nil
    let (outcome, completion) = end(transfer, &spare)
    keep(transfer)
    let body = spare
    if case .failure = outcome { body.wipe() }
    body.withBytes { completion?(outcome, $0) }
    body.wipe()
  }

  private func keep(_ transfer: Transfer) {
    if !line.isEmpty { lineServer.schedule() }
    if hasMoreWaiting || idle.count < Self.quietConnections { idle.append(transfer) }
  }

  /// An easy handle costs 14 KB, so each is created when it is first needed.
  private func takeTransfer() throws(TransportFailure) -> Transfer {
    if let transfer = idle.popLast() { return transfer }
    do throws(HTTPClientError) {
      return try Transfer(settings, proxyCredential: proxyCredential, sockets: multi.sockets, pace: pace)
    } catch {
      throw TransportFailure(.noResources, text: "\(error)")
    }
  }

  /// Reads the CA file again if it has changed, or couldn't be used the last time. Throws if it can't be used; the certificates
  /// read before stay in force then.
  package func takeUpAuthorities() throws(HTTPClientError) {
    guard authorities.isDue(at: EventLoop.bootTime()) || authorities.problem != nil else { return }
    let before = authorities.problem?.description
    readAuthorities()
    guard let problem = authorities.problem else { return authoritiesChanged(nil) }
    if problem.description != before { authoritiesChanged(problem) }
    throw problem
  }

  /// Reads the CA file again if that is due, and reports changes. Each request does so; if there are none for long, a timer may.
  package func lookAtAuthorities() {
    lastLook = EventLoop.bootTime()
    guard authorities.isDue(at: lastLook) else { return }
    let before = authorities.problem?.description
    readAuthorities()
    if let problem = authorities.problem, problem.description == before { return }
    authoritiesChanged(authorities.problem)
  }

  private func readAuthorities() { authorities.readAgain(at: EventLoop.bootTime()) }

  /// Reads the CA file now, in 1 ms to 4 ms for Debian's 140 certificates, so that the first request needn't. Throws if it can't be
  /// read or contains no certificate.
  package func prime() throws(HTTPClientError) { try authorities.read() }

  /// As `prime`, but reports a file that can't be used to `authoritiesChanged`. Requests fail until it can be used.
  package func primeOrReport() {
    readAuthorities()
    if let problem = authorities.problem { authoritiesChanged(problem) }
  }

  // By its documentation not safe to run twice at once, hence initialised once by Swift.
  private static let initialised = curl_global_init(Int(CURL_GLOBAL_ALL))

  private static func initialiseLibrary() throws(HTTPClientError) {
    if initialised != CURLE_OK {
      throw .library("initialise libcurl", text: String(cString: curl_easy_strerror(initialised)))
    }
  }
}
