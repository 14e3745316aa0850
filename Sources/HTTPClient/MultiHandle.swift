import CCurl
import Systemd

/// libcurl's multi handle, turned by the loop.
///
/// libcurl says which descriptors to watch and when to call it again; the loop tells it what became of that. No curl_multi
/// function may be called inside its callbacks, so these only note what is wanted.
final class MultiHandle {
  private let multi: UnsafeMutableRawPointer
  let sockets: WatchedSockets
  private var source: IOSource!
  private(set) var timer: TimerSource!
  /// A time-out of 0 is most of them; deferred work costs no arming of a timer.
  private var soon: DeferSource!
  private let done: (UnsafeMutableRawPointer, CURLcode) -> Void
  private let socketsPerTurn: Int
  private var isCollecting = false
  /// Whether libcurl asked meanwhile to be called.
  private var isCalledFor = false

  /// `done` gets each easy handle that has ended, already off the multi handle, and may add and remove others.
  init(
    _ loop: EventLoop, connections: Int, socketsPerTurn: Int,
    done: @escaping (UnsafeMutableRawPointer, CURLcode) -> Void
  ) throws(HTTPClientError) {
    do throws(LoopError) { sockets = try WatchedSockets() } catch { throw .loop(error) }
    guard let multi = curl_multi_init() else { throw .library("make a multi handle", text: "out of memory") }
    self.multi = multi
    self.done = done
    self.socketsPerTurn = socketsPerTurn
    do throws(LoopError) {
      timer = try TimerSource(loop, accuracy: 1000) { [unowned self] in timeIsUp() }
      soon = DeferSource(loop) { [unowned self] in timeIsUp() }
      source = try IOSource(loop, descriptor: sockets.descriptor, events: .readable) { [unowned self] _ in turn() }
    } catch { throw .loop(error) }
    // Unset, the number of idle connections kept follows that of the handles in use, and a burst's end closes most.
    try check(ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connections * 2))
    try check(ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections))
    try connectCallbacks()
  }

  deinit {
    // Closing connections would call back into an object that is going away.
    _ = ccurl_multi_set_socket(multi, nil, nil)
    _ = ccurl_multi_set_timer(multi, nil, nil)
    // Off the loop before its descriptor is closed.
    source = nil
    curl_multi_cleanup(multi)
  }

  /// How many connections are kept from now on. Above that the oldest idle one is closed whenever a request ends.
  func keepConnections(_ count: Int) { must(ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, count)) }

  func add(_ easy: UnsafeMutableRawPointer) { must(curl_multi_add_handle(multi, easy)) }

  func remove(_ easy: UnsafeMutableRawPointer) { must(curl_multi_remove_handle(multi, easy)) }

  /// One socket may mean an answer read, weighed and rendered, and the next request signed and sent, some 50 µs.
  private func turn() {
    for _ in 0..<socketsPerTurn {
      guard let (socket, events) = sockets.next() else { return }
      ready(socket, events)
    }
  }

  private func ready(_ socket: CInt, _ events: IOEvents) {
    var flags: CInt = 0
    if !events.isDisjoint(with: [.readable, .hungUp]) { flags |= CURL_CSELECT_IN }
    if events.contains(.writable) { flags |= CURL_CSELECT_OUT }
    if events.contains(.failed) { flags |= CURL_CSELECT_ERR }
    act(socket, flags)
    collect()
  }

  /// May come too early by libcurl's own clock (CLOCK_MONOTONIC, which a suspend stops, while our timer goes on): libcurl then
  /// names the next moment anew. Internal for a test of that.
  func timeIsUp() {
    act(CURL_SOCKET_TIMEOUT, 0)
    collect()
  }

  private func act(_ socket: CInt, _ flags: CInt) {
    var running: CInt = 0
    must(curl_multi_socket_action(multi, socket, flags, &running))
  }

  /// Tells of what has ended. What is begun meanwhile is sent at once: a turn of the loop between takes longer than all that `done` does
  /// about an answer.
  private func collect() {
    isCollecting = true
    tell()
    isCollecting = false
    guard isCalledFor else { return }
    isCalledFor = false
    act(CURL_SOCKET_TIMEOUT, 0)
    tell()
  }

  private func tell() {
    while let (easy, code) = nextMessage() {
      remove(easy)
      done(easy, code)
    }
  }

  /// The message lives no longer than its handle is on the multi handle: it is copied at once.
  private func nextMessage() -> (UnsafeMutableRawPointer, CURLcode)? {
    var left: CInt = 0
    while let message = curl_multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE { return (message.pointee.easy_handle, ccurl_message_result(message)) }
    }
    return nil
  }

  private func connectCallbacks() throws(HTTPClientError) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    try check(
      ccurl_multi_set_socket(
        multi,
        { _, socket, what, context, _ in
          Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue().wants(socket, what)
          return 0
        }, context))
    try check(
      ccurl_multi_set_timer(
        multi,
        { _, milliseconds, context in
          Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue().wantsCall(in: milliseconds)
          return 0
        }, context))
  }

  private func wants(_ socket: CInt, _ what: CInt) {
    if what == CURL_POLL_REMOVE { return sockets.forget(socket) }
    var events: IOEvents = []
    if what & CURL_POLL_IN != 0 { events.insert(.readable) }
    if what & CURL_POLL_OUT != 0 { events.insert(.writable) }
    sockets.watch(socket, events)
  }

  private func wantsCall(in milliseconds: Int) {
    isCalledFor = milliseconds == 0 && isCollecting
    if milliseconds == 0 {
      timer.disarm()
      if !isCollecting { soon.schedule() }
      return
    }
    soon.cancel()
    if milliseconds < 0 { timer.disarm() } else { timer.arm(at: Self.moment(in: milliseconds)) }
  }

  /// From a fresh reading: one cached before a long turn would be too early for libcurl's own clock.
  private static func moment(in milliseconds: Int) -> Int64 { EventLoop.bootTime() + Int64(milliseconds) * 1000 }

  private func check(_ code: CURLMcode) throws(HTTPClientError) {
    if code != CURLM_OK { throw .library("set a multi option", text: String(cString: curl_multi_strerror(code))) }
  }

  /// For calls that fail by our own mistake or for want of memory alone.
  private func must(_ code: CURLMcode) {
    precondition(code == CURLM_OK || code == CURLM_BAD_SOCKET, "libcurl's multi handle is broken")
  }
}
