import CCurl
import Systemd

/// libcurl's multi handle, driven by the loop.
///
/// libcurl requests which descriptors to watch and when to call it again; the loop reports events back. No curl_multi function may
/// be called inside its callbacks, so these only record the request.
final class MultiHandle {
  private let multi: UnsafeMutableRawPointer
  let sockets: WatchedSockets
  private var source: IOSource!
  private(set) var timer: TimerSource!
  /// Most time-outs are 0; deferred work saves arming a timer for them.
  private var soon: DeferSource!
  private let done: (UnsafeMutableRawPointer, CURLcode) -> Void
  private let socketsPerTurn: Int
  private var isCollecting = false
  /// Whether libcurl has requested another call meanwhile.
  private var isCalledFor = false

  /// `done` gets each easy handle that has ended, already removed from the multi handle, and may add and remove others.
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
    // Without it the number of idle connections follows the number of handles in use, and the end of a burst closes most.
    try check(ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connections * 2))
    try check(ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections))
    try connectCallbacks()
  }

  deinit {
    // Closing connections would otherwise call back into an object that is being released.
    _ = ccurl_multi_set_socket(multi, nil, nil)
    _ = ccurl_multi_set_timer(multi, nil, nil)
    // Removed from the loop before its descriptor is closed.
    source = nil
    curl_multi_cleanup(multi)
  }

  /// Sets how many connections are kept. Above that number the oldest idle one is closed whenever a request ends.
  func keepConnections(_ count: Int) { must(ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, count)) }

  func add(_ easy: UnsafeMutableRawPointer) { must(curl_multi_add_handle(multi, easy)) }

  func remove(_ easy: UnsafeMutableRawPointer) { must(curl_multi_remove_handle(multi, easy)) }

  /// One socket may mean that an answer is read, evaluated and rendered, and the next request signed and sent: some 50 µs.
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

  /// May be too early by libcurl's own clock (CLOCK_MONOTONIC, which stops during suspend, unlike our timer): libcurl then requests
  /// the next time again. Internal for a test of that.
  func timeIsUp() {
    act(CURL_SOCKET_TIMEOUT, 0)
    collect()
  }

  private func act(_ socket: CInt, _ flags: CInt) {
    var running: CInt = 0
    must(curl_multi_socket_action(multi, socket, flags, &running))
  }

  /// Reports the transfers that have ended. Requests begun meanwhile are sent at once: another turn of the loop would take longer
  /// than everything that `done` does for an answer.
  private func collect() {
    isCollecting = true
    reportEnded()
    isCollecting = false
    guard isCalledFor else { return }
    isCalledFor = false
    act(CURL_SOCKET_TIMEOUT, 0)
    reportEnded()
  }

  private func reportEnded() {
    while let (easy, code) = nextMessage() {
      remove(easy)
      done(easy, code)
    }
  }

  /// The message is valid only while its handle is in the multi handle, so it is copied at once.
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
          Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue().requestWatch(socket, what)
          return 0
        }, context))
    try check(
      ccurl_multi_set_timer(
        multi,
        { _, milliseconds, context in
          Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue().requestCall(in: milliseconds)
          return 0
        }, context))
  }

  private func requestWatch(_ socket: CInt, _ what: CInt) {
    if what == CURL_POLL_REMOVE { return sockets.forget(socket) }
    var events: IOEvents = []
    if what & CURL_POLL_IN != 0 { events.insert(.readable) }
    if what & CURL_POLL_OUT != 0 { events.insert(.writable) }
    sockets.watch(socket, events)
  }

  private func requestCall(in milliseconds: Int) {
    isCalledFor = milliseconds == 0 && isCollecting
    if milliseconds == 0 {
      timer.disarm()
      if !isCollecting { soon.schedule() }
      return
    }
    soon.cancel()
    if milliseconds < 0 { timer.disarm() } else { timer.arm(at: Self.moment(in: milliseconds)) }
  }

  /// From a fresh reading of the clock: one cached before a long turn would be too early for libcurl's own clock.
  private static func moment(in milliseconds: Int) -> Int64 { EventLoop.bootTime() + Int64(milliseconds) * 1000 }

  private func check(_ code: CURLMcode) throws(HTTPClientError) {
    if code != CURLM_OK { throw .library("set a multi option", text: String(cString: curl_multi_strerror(code))) }
  }

  /// For calls that fail only by our own mistake or for lack of memory.
  private func must(_ code: CURLMcode) {
    precondition(code == CURLM_OK || code == CURLM_BAD_SOCKET, "libcurl's multi handle is broken")
  }
}
