import CCurl
import Core
import Glibc
import Secrets

/// One easy handle of libcurl and the state of the request that it carries; reused.
final class Transfer {
  typealias Completion = (HTTPOutcome, Span<UInt8>) -> Void

  let easy: UnsafeMutableRawPointer
  let detail: UnsafeMutablePointer<CChar>
  private var headers = HeaderList()
  var head = AnswerHead()
  var body: BodyBuffer
  /// The largest body of an answer, in bytes.
  let bodyLimit: Int
  var isTooLarge = false
  private(set) var serial: UInt64 = 0
  /// The host that the connection goes to, if it is given by name.
  var host: HostToLookUp?
  /// Whether the request waits for that host's address, and the handle isn't in the multi handle yet.
  var isLookingUp = false
  var addresses = AddressesToTry()
  var url = ""
  /// Scheme and authority of the URL that libcurl was last given.
  var site = ""
  /// The URL's host, if it is given by name.
  var named: HostToLookUp?
  /// The request's time limits at its beginning, and those of the current addresses with the time of their first attempt in µs.
  var times: Times?
  /// The limits that libcurl was last set to.
  var limits: Times?
  var attempt: (begun: Int64, times: Times)?
  /// When another address is tried if this one hasn't accepted the connection, in µs (CLOCK_BOOTTIME); nil if there is no other.
  var addressDeadline: Int64?
  var resolved: UnsafeMutablePointer<curl_slist>?
  /// Replaces the limit for the whole request.
  var stallTimeout: Duration?
  private var needsFreshConnection = false
  private var completion: Completion?
  /// What the request takes at least on the wire, without its body, in bytes.
  private var leastSize = 0
  /// What connections of the current request are verified with.
  private(set) var authorities: Authorities.Certificates?
  /// What they present.
  private(set) var identity: ClientIdentity?
  /// The body that is being sent, and how far it has been read.
  var stream: BodyStream?
  var offset = 0
  /// Whether the handle is set up for a POST without a body, as all requests of the daemon are: that saves a call of libcurl.
  var isSetToPostNothing = true
  let pace: SendPace
  /// How many bytes it may read at once after it has waited for an allowance.
  var allowance = 0
  /// The buffer that bodies are read into: its maximum and its present size, in bytes.
  let uploadBuffer: Int
  var bufferSize = 0
  let proxy: HTTPClient.Proxy?
  /// What URLs begin with.
  private let scheme: String
  /// Whether the connection goes to a Unix socket, whatever the URL's host.
  let usesSocket: Bool
  /// Whether the request goes through the proxy.
  var usesProxy: Bool
  /// libcurl reads it as long as the handle exists.
  let proxyCredential: ProxyCredential?

  /// `sockets` must outlive all connections.
  init(
    _ settings: HTTPClient.Settings, proxyCredential: ProxyCredential?, sockets: WatchedSockets, pace: SendPace
  ) throws(HTTPClientError) {
    guard let easy = curl_easy_init() else { throw .library("make an easy handle", text: "out of memory") }
    self.easy = easy
    bodyLimit = settings.bodyLimit
    body = BodyBuffer(capacity: settings.bodyLimit)
    detail = .allocate(capacity: Int(CURL_ERROR_SIZE))
    detail.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    self.pace = pace
    uploadBuffer = settings.uploadBuffer
    proxy = settings.proxy
    usesProxy = settings.proxy != nil
    scheme = settings.plainSite.map { "\($0)/" } ?? "https://"
    usesSocket = settings.socketPath != nil
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
    as identity: (present: ClientIdentity?, number: Int), completion: @escaping Completion
  ) throws(TransportFailure) {
    let url = request.url
    guard url.hasPrefix(scheme), url.isOneWord else {
      throw TransportFailure(.unsuitableRequest, text: "the URL doesn't begin with \(scheme)")
    }
    // A value with a line break in it would become another header or request.
    guard request.headers.arePlain, request.secretHeaders.allSatisfy({ Self.isPlain($0.value) }),
      let list = headers.set(request.headers, request.secretHeaders)
    else {
      throw TransportFailure(.unsuitableRequest, text: "a header holds a control character")
    }
    detail[0] = 0
    address(url)
    if authorities !== self.authorities || identity.present !== self.identity {
      (self.authorities, self.identity) = (authorities, identity.present)
      must(ccurl_set_tls_version(easy, "\(authorities?.number ?? 0).\(identity.number)"))
      // A resumed session would pass by the server's look at the certificate.
      must(ccurl_set_long(easy, CURLOPT_SSL_SESSIONID_CACHE, identity.present == nil ? 1 : 0))
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
    leastSize = request.secretHeaders.reduce(url.utf8.count - site.utf8.count + request.headers.bytes.count) {
      $0 + $1.value.count
    }
  }

  private static func isPlain(_ value: Secret) -> Bool {
    value.withBytes { bytes in bytes.indices.allSatisfy { (0x20...0x7E).contains(bytes[$0]) } }
  }

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
    var answer = HTTPAnswer(
      status: status, date: head.date, retryAfter: head.retryAfter, standardRetryAfter: head.standardRetryAfter,
      keptFields: head.kept)
    answer.wasSentTwice = wasSentTwice
    return .success(answer)
  }

  /// libcurl counts what it has sent (CURLINFO_REQUEST_SIZE(3)), a request that it sends again in addition. Twice the least is more than once with
  /// the few lines that it adds itself, unless there is hardly anything else.
  private var wasSentTwice: Bool {
    guard stream == nil, leastSize >= 400 else { return false }
    var size = 0
    must(ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &size))
    return size >= 2 * leastSize
  }

  /// For calls that fail only for lack of memory.
  func must(_ code: CURLcode) { precondition(code == CURLE_OK, "libcurl refused an option it knows") }
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
