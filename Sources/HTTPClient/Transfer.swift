import CCurl
import Secrets

/// One easy handle of libcurl and what belongs to the request it carries; used again and again.
final class Transfer {
  typealias Completion = (HTTPOutcome, Span<UInt8>) -> Void

  let easy: UnsafeMutableRawPointer
  private let detail: UnsafeMutablePointer<CChar>
  private var lines: UnsafeMutablePointer<curl_slist>?
  private var head = AnswerHead()
  private var body = BodyBuffer(capacity: HTTPClient.bodyLimit)
  private var isTooLarge = false
  private(set) var serial: UInt64 = 0
  /// Whom the connection goes to, where that is known by name.
  var host: HostToLookUp?
  /// Whether the request waits for that one's address, and the handle isn't libcurl's yet.
  var isLookingUp = false
  private var addresses: [String] = []
  private var resolved: UnsafeMutablePointer<curl_slist>?
  private var completion: Completion?
  private let usesProxy: Bool
  /// libcurl reads it as long as the handle lives.
  private let proxyCredential: ProxyCredential?

  init(_ settings: HTTPClient.Settings, proxyCredential: ProxyCredential?) throws(HTTPClientError) {
    guard let easy = curl_easy_init() else { throw .library("make an easy handle", text: "out of memory") }
    self.easy = easy
    detail = .allocate(capacity: Int(CURL_ERROR_SIZE))
    detail.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    usesProxy = settings.proxy != nil
    self.proxyCredential = proxyCredential
    try configure(settings)
    try configure(settings.proxy)
    try connectCallbacks()
  }

  deinit {
    curl_easy_cleanup(easy)
    ccurl_slist_wipe(lines)
    curl_slist_free_all(resolved)
    detail.deallocate()
  }

  /// Makes the handle ready to be added to the multi handle.
  func begin(
    _ serial: UInt64, url: String, headers: [String], secretHeader: (name: String, value: Secret)? = nil,
    caFile: String, completion: @escaping Completion
  ) throws(TransportFailure) {
    guard url.hasPrefix("https://"), url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw TransportFailure(.unsuitableRequest, text: "the URL isn't an https:// URL")
    }
    // A value with a line break in it would become a header, or a request, of its own.
    guard headers.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }) else {
      throw TransportFailure(.unsuitableRequest, text: "a header holds a control character")
    }
    if let secretHeader, !Self.isPlain(secretHeader.value) {
      throw TransportFailure(.unsuitableRequest, text: "a header holds a control character")
    }
    detail[0] = 0
    // `Expect:` and `Content-Type:` without a value keep libcurl from adding what we didn't sign; a line of the caller's comes later and wins.
    for line in ["Expect:"] + (headers.contains(where: Self.isContentType) ? [] : ["Content-Type:"]) + headers {
      lines = curl_slist_append(lines, line)
    }
    if let secretHeader { append(secretHeader.value, as: secretHeader.name) }
    must(ccurl_set_string(easy, CURLOPT_URL, url))
    must(ccurl_set_string(easy, CURLOPT_CAINFO, caFile))
    must(ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, lines))
    self.serial = serial
    self.completion = completion
  }

  private static func isPlain(_ value: Secret) -> Bool {
    value.withBytes { bytes in bytes.indices.allSatisfy { (0x20...0x7E).contains(bytes[$0]) } }
  }

  /// libcurl has a copy of the line, which is wiped with the others.
  private func append(_ value: Secret, as name: String) {
    var line = SecretBuffer(capacity: name.utf8.count + value.count + 3)
    line.append("\(name): ")
    line.append(value)
    line.append(0)
    line.withBytes { bytes in
      bytes.withUnsafeBytes { lines = curl_slist_append(lines, $0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
    }
  }

  /// Has libcurl connect to these addresses of `host`, and look nothing up.
  func use(_ addresses: [String], of host: HostToLookUp) {
    self.addresses = addresses
    let list = addresses.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
    resolved = curl_slist_append(nil, "\(host.name):\(host.port):\(list)")
    must(ccurl_set_pointer(easy, CURLOPT_RESOLVE, resolved))
  }

  /// The address by which the request went, or came to nothing; nil when there was but one way.
  var address: String? {
    guard addresses.count > 1 else { return nil }
    var text: UnsafePointer<CChar>?
    must(ccurl_get_string(easy, CURLINFO_PRIMARY_IP, &text))
    let last = text.map { String(cString: $0) } ?? ""
    // Where no connection came about, all of them may have been tried, the first for the longest time.
    return microseconds(CURLINFO_CONNECT_TIME_T) > 0 && addresses.contains(last) ? last : addresses[0]
  }

  /// How long the parts of a request may take once the address is known.
  struct Times {
    var connect: Duration
    var whole: Duration
    private var untilEnd: Duration

    /// A proxy looks the host's name up before it says anything to CONNECT, with a resolver that may be as slow as ours.
    init(_ settings: HTTPClient.Settings, proxyLooksUp: Bool) {
      untilEnd = settings.wholeTimeout
      connect = settings.connectTimeout + (proxyLooksUp ? settings.lookupTimeout : .zero)
      whole = proxyLooksUp ? untilEnd : settings.timeout
    }

    /// What is left of them after a look-up of our own.
    func after(_ elapsed: Duration) -> Times {
      var rest = self
      rest.untilEnd = max(untilEnd - elapsed, .milliseconds(1))
      rest.whole = min(whole, rest.untilEnd)
      return rest
    }
  }

  func limit(to times: Times) {
    must(ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, times.connect.wholeMilliseconds))
    must(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, times.whole.wholeMilliseconds))
  }

  /// Ends a request for whose name there was no address.
  func end(unresolved name: String, _ why: String, spare: inout BodyBuffer) -> (HTTPOutcome, Completion?) {
    let failure = TransportFailure(unresolved: name, why, isProxy: usesProxy)
    let completion = completion
    swap(&body, &spare)
    clear()
    return (.failure(failure), completion)
  }

  /// What came of the request, its completion and its body, leaving the handle ready for the next one.
  func end(_ code: CURLcode, spare: inout BodyBuffer) -> (HTTPOutcome, Completion?) {
    let outcome = code == CURLE_OK ? answer() : .failure(failure(code))
    let completion = completion
    swap(&body, &spare)
    clear()
    return (outcome, completion)
  }

  /// Forgets the request; the handle must be off the multi handle.
  func clear() {
    must(ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, nil))
    ccurl_slist_wipe(lines)
    lines = nil
    must(ccurl_set_pointer(easy, CURLOPT_RESOLVE, nil))
    curl_slist_free_all(resolved)
    resolved = nil
    addresses = []
    host = nil
    isLookingUp = false
    completion = nil
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
        status: status, date: head.date, retryAfter: head.retryAfter, standardRetryAfter: head.standardRetryAfter))
  }

  private func failure(_ code: CURLcode) -> TransportFailure {
    if usesProxy,
      let failure = TransportFailure(proxyCode: code, tunnel: tunnel, detail: String(cString: detail), head: head)
    {
      return failure
    }
    return TransportFailure(code, during: progress, detail: String(cString: detail), tooLarge: isTooLarge)
  }

  /// How far the way through a proxy had come.
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
    microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0 ? .exchanging : .connecting
  }

  private func microseconds(_ info: CURLINFO) -> Int {
    var value: curl_off_t = 0
    must(ccurl_get_large(easy, info, &value))
    return value
  }

  private static func isContentType(_ line: String) -> Bool { line.lowercased().hasPrefix("content-type:") }
}

extension Transfer {
  private func configure(_ settings: HTTPClient.Settings) throws(HTTPClientError) {
    try set(CURLOPT_PROTOCOLS_STR, "https")
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    // With a directory of authorities set (Debian's default) libcurl keeps no store of parsed certificates, and each handshake
    // would parse all of them on the loop, 18 ms at a time.
    try set(CURLOPT_CAPATH, nil)
    // For as long as the file stays the same, which is looked at before each request.
    try set(CURLOPT_CA_CACHE_TIMEOUT, -1)
    try set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_NOSIGNAL, 1)
    // The smallest there is (CURLOPT_UPLOAD_BUFFERSIZE(3)): our heads have less than 4 KB, and there is no body.
    try set(CURLOPT_UPLOAD_BUFFERSIZE, 16_384)
    try set(CURLOPT_VERBOSE, 0)
    // Should it ever look a name up by itself, no transfer's end waits for that: 9.5 s with a dead name server.
    try set(CURLOPT_QUICK_EXIT, 1)
    // Asks for a body as it is. Whatever comes all the same is decoded, and the limit is that of what comes out.
    try set(CURLOPT_ACCEPT_ENCODING, "identity")
    // A POST whose body is empty and whose length is said to be 0.
    try set(CURLOPT_POST, 1)
    try set(CURLOPT_COPYPOSTFIELDS, "")
    try set(CURLOPT_POSTFIELDSIZE, 0)
    try check(ccurl_set_large(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(HTTPClient.bodyLimit)))
    try check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, detail))
  }

  private func configure(_ proxy: HTTPClient.Proxy?) throws(HTTPClientError) {
    // Unset, libcurl obeys the environment's https_proxy and no_proxy.
    try set(CURLOPT_PROXY, proxy?.url ?? "")
    try set(CURLOPT_NOPROXY, "")
    try set(CURLOPT_HTTPPROXYTUNNEL, 1)
    // Our headers carry the signature and are for STS alone. The proxy's count where its answer is the only one: each head takes
    // the place of the one before.
    try set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
    try check(ccurl_set_pointer(easy, CURLOPT_PROXYHEADER, proxyCredential?.lines))
  }

  // libcurl calls these inside curl_multi_socket_action only, while the client holds the transfer.
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
        // Anything but the count offered ends the transfer.
        return size * count == 0 ? 1 : 0
      })
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

  /// For calls that fail for want of memory alone.
  private func must(_ code: CURLcode) { precondition(code == CURLE_OK, "libcurl refused an option it knows") }
}

extension Duration {
  fileprivate var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }
}
