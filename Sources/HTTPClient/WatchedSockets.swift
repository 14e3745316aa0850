import CLinux
import Glibc
import Systemd

/// Sockets of libcurl's in an epoll descriptor of their own, which is what the loop watches.
///
/// Sixteen busy sources of the loop would come before any other source's turn. Here the one that has waited longest is told at a
/// time, and what isn't asked for waits in the kernel: it tells a socket as long as that is ready, and the others first.
struct WatchedSockets: ~Copyable {
  /// Readable when one of the sockets is ready.
  let descriptor: CInt
  private(set) var all: Set<CInt> = []

  init() throws(LoopError) {
    descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
    if descriptor < 0 { throw LoopError(attempt: "make an epoll descriptor", errno: errno) }
  }

  deinit { close(descriptor) }

  /// Watches `socket` for `events` from now on, instead of what it was watched for.
  ///
  /// A descriptor the kernel has no memory to watch is a connection that stays silent: its transfer ends by its time-out.
  mutating func watch(_ socket: CInt, _ events: IOEvents) {
    if !all.insert(socket).inserted, control(EPOLL_CTL_MOD, socket, events) { return }
    // New; or one that was closed has left by itself, and its number has come back.
    _ = control(EPOLL_CTL_ADD, socket, events)
  }

  mutating func forget(_ socket: CInt) {
    // Nothing to do about one that was closed before.
    if all.remove(socket) != nil { _ = control(EPOLL_CTL_DEL, socket, []) }
  }

  /// The next socket that is ready, and for what; nil when none is.
  func next() -> (socket: CInt, events: IOEvents)? {
    var event = epoll_event()
    // Interrupted by a signal (EINTR) it is none, too: the descriptor goes on being readable.
    guard epoll_wait(descriptor, &event, 1, 0) == 1 else { return nil }
    return (event.data.fd, IOEvents(rawValue: event.events))
  }

  private func control(_ operation: CInt, _ socket: CInt, _ events: IOEvents) -> Bool {
    var event = epoll_event(events: events.rawValue, data: epoll_data_t(fd: socket))
    return epoll_ctl(descriptor, operation, socket, &event) == 0
  }
}
