import CCurl
import Core
import Glibc
import Secrets

/// One easy handle of libcurl and the state of the request that it carries; reused.
final class Transfer {
  typealias Completion = (HTTPOutcome, Span<UInt8>) -> Void

  let easy: UnsafeMutableRawPointer
  private let detail: UnsafeMutablePointer<CChar>
  private var headers = HeaderList()
  private var head = AnswerHead()
  private var body = BodyBuffer(capacity: HTTPClient.bodyLimit)
  private var isTooLarge = false
  private(set) var serial: UInt64 = 0
  /// The host that the connection goes to, if it is given by name.
  private(set) var host: HostToLookUp?
  /// Whether the request waits for that host's address, and the handle isn't in the multi handle yet.
  var isLookingUp = false
  private var addresses = AddressesToTry()
  private var url = ""
  /// Scheme and authority of the URL that libcurl was last given.
  private var site = ""
  /// The URL's host, if it is given by name.
  private(set) var named: HostToLookUp?
  /// The request's time limits at its beginning, and those of the current addresses with the time of their first attempt in µs.
  private var times: Times?
  /// The limits that libcurl was last set to.
  private var limits: Times?
  private var attempt: (begun: Int64, times: Times)?
  /// When another address is tried if this one hasn't accepted the connection, in µs (CLOCK_BOOTTIME); nil if there is no other.
  private(set) var addressDeadline: Int64?
  private var resolved: UnsafeMutablePointer<curl_slist>?
  /// Replaces the limit for the whole request.
  private var stallTimeout: Duration?
  private var needsFreshConnection = false
  private var completion: Completion?
  /// The certificates that libcurl was last set up with; it holds only their address.
  private var authorities: Authorities.Certificates?
  /// The body that is being sent, and how far it has been read.
  private var stream: BodyStream?
  private var offset = 0
  /// Whether the handle is set up for a POST without a body, as all requests of the daemon are: that saves a call of libcurl.
  private var isSetToPostNothing = true
  private let pace: SendPace
  /// How many bytes it may read at once after it has waited for an allowance.
  private var allowance = 0
  /// libcurl's minimum (CURLOPT_UPLOAD_BUFFERSIZE(3)), in bytes.
  private static let leastBuffer = 16_384
  /// The buffer that bodies are read into: its maximum and its present size, in bytes.
  private let uploadBuffer: Int
  private var bufferSize = 0
  private let proxy: HTTPClient.Proxy?
  /// Whether the request goes through the proxy.
  private(set) var usesProxy: Bool
  /// libcurl reads it as long as the handle exists.
  private let proxyCredential: ProxyCredential?

  /// `sockets` must outlive all connections.
  init(
    _ settings: HTTPClient.Settings, proxyCredential: ProxyCredential?, sockets: WatchedSockets, pace: SendPace
  ) throws(HTTPClientError) {
    guard let easy = curl_easy_init() else { throw .library("make an easy handle", text: "out of memory") }
    self.easy = easy
    detail = .allocate(capacity: Int(CURL_ERROR_SIZE))
    detail.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    self.pace = pace
    uploadBuffer = settings.uploadBuffer
    proxy = settings.proxy
    usesProxy = settings.proxy != nil
    self.proxyCredential = proxyCredential
    try configure(settings)
    try configure(settings.proxy)
    try connectCallbacks()
    try connect(sockets)
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(resolved)
    detail.deallocate()
  }

  /// Makes the handle ready to be added to the multi handle.
  func begin(
    _ serial: UInt64, _ request: HTTPRequest, _ authorities: Authorities.Certificates?,
    completion: @escaping Completion
  ) throws(TransportFailure) {
    let url = request.url
    guard url.hasPrefix("https://"), url.isOneWord else {
      throw TransportFailure(.unsuitableRequest, text: "the URL isn't an https:// URL")
    }
    // A value with a line break in it would become another header or request.
    guard request.headers.arePlain, request.secretHeaders.allSatisfy({ Self.isPlain($0.value) }),
      let list = headers.set(request.headers, request.secretHeaders)
    else {
      throw TransportFailure(.unsuitableRequest, text: "a header holds a control character")
    }
    detail[0] = 0
    address(url)
    if authorities == nil || authorities !== self.authorities {
      self.authorities = authorities
      must(ccurl_set_authorities(easy, authorities?.store, "\(authorities?.number ?? 0)"))
    }
    must(ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, list))
    setUp(request.method, request.body)
    head = AnswerHead(names: request.keptFields)
    stallTimeout = request.stallTimeout
    if request.needsFreshConnection {
      must(ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1))
      needsFreshConnection = true
    }
    self.serial = serial
    self.completion = completion
    self.url = url
  }

  /// Sets the request's destination. Path and query are set separately and unchanged: otherwise libcurl assembles the URL again for
  /// each request, character by character.
  private func address(_ url: String) {
    if isAddressedAtSite(url) { return }
    let start = url.urlAuthority?.endIndex ?? url.endIndex
    let site = url[..<start]
    if site != self.site {
      must(ccurl_set_string(easy, CURLOPT_URL, site + "/"))
      self.site = String(site)
      named = HostToLookUp(url: url)
      chooseProxy(for: url)
    }
    let target = Substring(url.utf8[start...].prefix { $0 != UInt8(ascii: "#") })
    let isWhole = target.utf8.first == UInt8(ascii: "/")
    must(ccurl_set_string(easy, CURLOPT_REQUEST_TARGET, isWhole ? String(target) : "/" + target))
  }

  /// Sets the path and query for the server of the request before; false for another server, or if the URL has more or less than
  /// path and query.
  private func isAddressedAtSite(_ url: String) -> Bool {
    let start = site.utf8.count
    return url.withCString { text in
      guard start > 0, site.withCString({ strncmp(text, $0, start) == 0 }),
        text[start] == CChar(bitPattern: UInt8(ascii: "/")), strchr(text + start, CInt(UInt8(ascii: "#"))) == nil
      else { return false }
      must(ccurl_set_string(easy, CURLOPT_REQUEST_TARGET, text + start))
      return true
    }
  }

  private func chooseProxy(for url: String) {
    guard let proxy, proxy.exemptions.contain(hostOf: url) == usesProxy else { return }
    usesProxy.toggle()
    must(ccurl_set_string(easy, CURLOPT_PROXY, usesProxy ? proxy.url : ""))
  }

  private func setUp(_ method: HTTPRequest.Method, _ body: HTTPRequest.Body) {
    if case (.post, .empty) = (method, body) { return }
    isSetToPostNothing = false
    switch body {
    case .empty where method == .get:
      must(ccurl_set_long(easy, CURLOPT_HTTPGET, 1))
      return
    case .empty: break
    case .bytes(let bytes):
      must(ccurl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
      bytes.withUnsafeBytes { must(ccurl_copy_body(easy, $0.baseAddress ?? UnsafeRawPointer(detail))) }
    case .stream(let stream):
      self.stream = stream
      offset = 0
      // With any set, libcurl (7.88) takes them for the body when it sends the request again, and doesn't rewind the stream.
      must(ccurl_set_pointer(easy, CURLOPT_POSTFIELDS, nil))
      must(ccurl_set_long(easy, CURLOPT_UPLOAD, 1))
      must(ccurl_set_large(easy, CURLOPT_INFILESIZE_LARGE, stream.length))
      setBuffer(min(uploadBuffer, stream.length))
    }
    must(ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, method.rawValue))
  }

  /// libcurl allocates it for each request with a body: the fewer pages, the faster.
  private func setBuffer(_ size: Int) {
    let size = max(Self.leastBuffer, size)
    guard size != bufferSize else { return }
    bufferSize = size
    must(ccurl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, size))
  }

  /// A POST with an empty body and a Content-Length of 0.
  private func setToPostNothing() {
    must(ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, nil))
    must(ccurl_set_long(easy, CURLOPT_POST, 1))
    must(ccurl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0))
    must(ccurl_copy_body(easy, ""))
    must(ccurl_set_large(easy, CURLOPT_INFILESIZE_LARGE, -1))
    stream = nil
    setBuffer(Self.leastBuffer)
    isSetToPostNothing = true
  }

  /// Fills `room` with the next bytes of the body; returns how many, 0 at its end.
  private func readBody(into room: UnsafeMutableRawBufferPointer) -> Int {
    guard let stream, offset < stream.length else { return 0 }
    let wanted = min(stream.length - offset, room.count)
    let most = allowance > 0 ? min(allowance, wanted) : pace.take(of: wanted, for: self)
    guard most > 0 else { return Int(CURL_READFUNC_PAUSE) }
    allowance = max(0, allowance - most)
    let part = UnsafeMutableRawBufferPointer(rebasing: room.prefix(most))
    guard let count = stream.read(offset, part), count > 0 else { return Int(CURL_READFUNC_ABORT) }
    precondition(count <= part.count, "a body was read beyond its room")
    offset += count
    return count
  }

  /// Resumes after a pause, with that many bytes allowed.
  func resume(allowance: Int) {
    self.allowance = allowance
    // Fails for a transfer that has just ended, which doesn't matter any more.
    _ = curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  /// libcurl rewinds the body when it sends a request again.
  private func seek(to offset: curl_off_t, from origin: CInt) -> CInt {
    guard let stream, origin == SEEK_SET, (0...stream.length).contains(offset) else { return CURL_SEEKFUNC_FAIL }
    self.offset = offset
    return CURL_SEEKFUNC_OK
  }

  private static func isPlain(_ value: Secret) -> Bool {
    value.withBytes { bytes in bytes.indices.allSatisfy { (0x20...0x7E).contains(bytes[$0]) } }
  }

  /// Makes libcurl connect to these addresses of `host` without a look-up.
  func use(_ addresses: [String], of host: HostToLookUp) {
    self.host = host
    self.addresses = AddressesToTry(addresses)
    tryNextAddresses()
  }

  /// Moves on to addresses that haven't been tried; false if there are none.
  @discardableResult
  func tryNextAddresses() -> Bool {
    guard let host, addresses.goOn() else { return false }
    detail[0] = 0
    curl_slist_free_all(resolved)
    let list = addresses.current.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
    resolved = curl_slist_append(nil, "\(host.name):\(host.port):\(list)")
    must(ccurl_set_pointer(easy, CURLOPT_RESOLVE, resolved))
    return true
  }

  /// The addresses by which the request was sent or failed; empty if there was only one possibility.
  var usedAddresses: [String] {
    guard addresses.all.count > 1 else { return [] }
    return connectedAddress.map { addresses.all.contains($0) ? [$0] : [] } ?? addresses.current
  }

  /// The address that accepted the connection; nil until one has.
  private var connectedAddress: String? {
    var text: UnsafePointer<CChar>?
    must(ccurl_get_string(easy, CURLINFO_PRIMARY_IP, &text))
    return text.flatMap { $0.pointee == 0 ? nil : String(cString: $0) }
  }

  var isConnected: Bool { connectedAddress != nil }

  /// Time limits for the parts of a request, once the address is known.
  struct Times {
    var connect: Duration
    var whole: Duration
    private var untilEnd: Duration

    /// A proxy looks up the host's name before it answers CONNECT, with a resolver that may be as slow as ours.
    init(_ settings: HTTPClient.Settings, proxyLooksUp: Bool) {
      untilEnd = settings.wholeTimeout
      connect = settings.connectTimeout + (proxyLooksUp ? settings.lookupTimeout : .zero)
      whole = proxyLooksUp ? untilEnd : settings.timeout
    }

    /// The rest of the limits after our own look-up.
    func after(_ elapsed: Duration) -> Times {
      var rest = self
      rest.untilEnd = max(untilEnd - elapsed, .milliseconds(1))
      rest.whole = min(whole, rest.untilEnd)
      return rest
    }

    /// The rest of the limits after addresses that accepted no connection; nil if no time is left.
    func afterAttempt(of elapsed: Duration) -> Times? {
      var rest = self
      rest.connect -= elapsed
      rest.whole -= elapsed
      rest.untilEnd -= elapsed
      return min(rest.connect, rest.whole) >= .milliseconds(1) ? rest : nil
    }
  }

  /// Sets the limits from `now` on, in µs (CLOCK_BOOTTIME). If there are further addresses, the current ones get half of the time
  /// for connecting.
  func limit(to times: Times, from now: Int64) {
    if self.times == nil { self.times = times }
    attempt = (now, times)
    addressDeadline = addresses.hasMore ? now + Int64(times.connect / .microseconds(1)) / 2 : nil
    if stallTimeout == nil, let limits, limits.connect == times.connect, limits.whole == times.whole { return }
    must(ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, times.connect.wholeMilliseconds))
    guard let stallTimeout else {
      must(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, times.whole.wholeMilliseconds))
      limits = times
      return
    }
    must(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, 0))
    must(ccurl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT, 1))
    must(ccurl_set_long(easy, CURLOPT_LOW_SPEED_TIME, max(1, Int(stallTimeout.components.seconds))))
    limits = nil
  }

  /// The time limits for other addresses at `now`, in µs; nil if no time is left.
  func timeLeft(at now: Int64) -> Times? {
    attempt.flatMap { $0.times.afterAttempt(of: .microseconds(now - $0.begun)) }
  }

  /// To be called when an address has accepted the connection.
  func forgetAddressDeadline() { addressDeadline = nil }

  /// Ends a request that wasn't handed to libcurl yet.
  func end(_ failure: TransportFailure, spare: inout BodyBuffer) -> (HTTPOutcome, Completion?) {
    let completion = completion
    swap(&body, &spare)
    clear()
    return (.failure(failure), completion)
  }

  /// The request's outcome, completion and body; leaves the handle ready for the next request.
  func end(_ code: CURLcode, spare: inout BodyBuffer) -> (HTTPOutcome, Completion?) {
    let outcome = code == CURLE_OK ? answer() : .failure(failure(code))
    let completion = completion
    swap(&body, &spare)
    clear()
    return (outcome, completion)
  }

  /// Forgets the request; the handle must have been removed from the multi handle.
  func clear() {
    must(ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, nil))
    headers.wipe()
    must(ccurl_set_pointer(easy, CURLOPT_RESOLVE, nil))
    curl_slist_free_all(resolved)
    resolved = nil
    addresses = AddressesToTry()
    host = nil
    times = nil
    attempt = nil
    addressDeadline = nil
    isLookingUp = false
    completion = nil
    let wasStreaming = stream != nil
    if !isSetToPostNothing { setToPostNothing() }
    if wasStreaming { pace.forget(self) }
    allowance = 0
    if stallTimeout != nil {
      must(ccurl_set_long(easy, CURLOPT_LOW_SPEED_TIME, 0))
      stallTimeout = nil
    }
    if needsFreshConnection {
      must(ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 0))
      needsFreshConnection = false
    }
    url = ""
    head = AnswerHead()
    isTooLarge = false
    body.wipe()
  }

  private func answer() -> HTTPOutcome {
    var status = 0
    must(ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status))
    guard (100...599).contains(status) else {
      return .failure(TransportFailure(.protocolViolation, text: "the answer has no valid HTTP status"))
    }
    return .success(
      HTTPAnswer(
        status: status, date: head.date, retryAfter: head.retryAfter, standardRetryAfter: head.standardRetryAfter,
        keptFields: head.kept))
  }

  private func failure(_ code: CURLcode) -> TransportFailure {
    let detail = connectionText(code) ?? String(cString: detail)
    if usesProxy,
      let failure = TransportFailure(proxyCode: code, tunnel: tunnel, detail: detail, head: head)
    {
      return failure
    }
    return TransportFailure(code, during: progress, detail: detail, tooLarge: isTooLarge)
  }

  /// Why there is no connection, or no answer in time, without libcurl's repetitive wording; nil for other failures.
  private func connectionText(_ code: CURLcode) -> String? {
    let tried = addresses.tried.isEmpty ? "" : " (\(addresses.tried.prefix(3).joined(separator: ", ")))"
    switch code {
    case CURLE_COULDNT_CONNECT:
      var number = 0
      must(ccurl_get_long(easy, CURLINFO_OS_ERRNO, &number))
      guard number > 0 else { return nil }
      return "no connection to \(peer)\(tried): \(String(cString: strerror(CInt(truncatingIfNeeded: number))))"
    case CURLE_OPERATION_TIMEDOUT:
      guard let times, progress == .connecting else { return nil }
      let tenths = (min(times.connect, times.whole) / .milliseconds(100)).rounded()
      let limit = tenths.truncatingRemainder(dividingBy: 10) == 0 ? "\(Int(tenths / 10))s" : "\(tenths / 10)s"
      return isConnected
        ? "\(server) didn't complete the TLS handshake within \(limit)"
        : "no connection to \(peer)\(tried) within \(limit)"
    default: return nil
    }
  }

  // Host and port of the connection's destination and of the server; through a proxy these are two.
  private var peer: Substring { (usesProxy ? proxy?.url ?? url : url).urlAuthority ?? "" }
  private var server: Substring { url.urlAuthority ?? "" }

  /// How far the connection through a proxy had come.
  private var tunnel: TransportFailure.Tunnel {
    if microseconds(CURLINFO_APPCONNECT_TIME_T) > 0 || microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0 { return .open }
    var status = 0
    must(ccurl_get_long(easy, CURLINFO_HTTP_CONNECTCODE, &status))
    if (200...299).contains(status) { return .open }
    if status >= 300 { return .refused(status) }
    var port = 0
    must(ccurl_get_long(easy, CURLINFO_LOCAL_PORT, &port))
    return port > 0 ? .asked : .unreached
  }

  private var progress: TransportFailure.Progress {
    guard microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0 else { return .connecting }
    // Zero until the first line of an answer; the status of a proxy's answer to CONNECT is stored elsewhere
    // (CURLINFO_RESPONSE_CODE(3)).
    var status = 0
    must(ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status))
    return status > 0 ? .answering : .exchanging
  }

  private func microseconds(_ info: CURLINFO) -> Int {
    var value: curl_off_t = 0
    must(ccurl_get_large(easy, info, &value))
    return value
  }
}

extension Transfer {
  private func configure(_ settings: HTTPClient.Settings) throws(HTTPClientError) {
    try set(CURLOPT_PROTOCOLS_STR, "https")
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    // Verified by no certificates, until a request sets them.
    try check(ccurl_set_authorities(easy, nil, "0"))
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
    try check(ccurl_set_large(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(HTTPClient.bodyLimit)))
    try check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, detail))
  }

  private func configure(_ proxy: HTTPClient.Proxy?) throws(HTTPClientError) {
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
  private func connectCallbacks() throws(HTTPClientError) {
    let context = Unmanaged.passUnretained(self).toOpaque()
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

  private func connect(_ sockets: WatchedSockets) throws(HTTPClientError) {
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

  /// For calls that fail only for lack of memory.
  private func must(_ code: CURLcode) { precondition(code == CURLE_OK, "libcurl refused an option it knows") }
}

extension Duration {
  fileprivate var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }
}

// A sum over the bytes instead of an early exit: such loops handle many bytes at a time.

extension String {
  /// Whether it contains neither blanks nor control characters.
  fileprivate var isOneWord: Bool {
    func isOneWord(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
      var odd: UInt8 = 0
      for byte in bytes { odd |= (byte <= 0x20 ? 1 : 0) | (byte == 0x7F ? 1 : 0) }
      return odd == 0
    }
    if let isOne = utf8.withContiguousStorageIfAvailable(isOneWord) { return isOne }
    var text = self
    return text.withUTF8(isOneWord)
  }
}

extension TextLines {
  /// Whether no line contains a control character, except for zero bytes.
  fileprivate var arePlain: Bool {
    bytes.withUnsafeBufferPointer { bytes in
      var odd: UInt8 = 0
      for byte in bytes { odd |= (byte &- 1 < 0x1F ? 1 : 0) | (byte == 0x7F ? 1 : 0) }
      return odd == 0
    }
  }
}
