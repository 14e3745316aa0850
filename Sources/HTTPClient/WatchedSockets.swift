// In release builds <sys/socket.h> is visible only through the module that includes it with curl.h; SOCK_CLOEXEC comes from there.
import CCurl
import CLinux
import Glibc
import Systemd

/// libcurl's sockets in an epoll descriptor of their own, which the loop watches.
///
/// Sixteen busy sources of the loop would come before any other source's turn. Here only the socket that has waited longest is
/// reported at a time, and the others wait in the kernel: epoll reports a socket as long as it is ready, after the others.
///
/// libcurl stops waiting for a socket at the end of each request, and starts again with the next one on that connection. The kernel
/// keeps watching the sockets that were created here, which saves two system calls per request.
final class WatchedSockets {
  /// Readable when one of the sockets is ready.
  let descriptor: CInt
  /// The sockets that libcurl is waiting for.
  private(set) var all: Set<CInt> = []
  /// The events that the kernel watches for each open socket created here; empty while it isn't watched.
  private var own: [CInt: IOEvents] = [:]

  init() throws(LoopError) {
    descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
    if descriptor < 0 { throw LoopError(attempt: "make an epoll descriptor", errno: errno) }
  }

  deinit { Glibc.close(descriptor) }

  /// Creates a socket (socket(2)); -1 if that fails.
  func open(_ domain: CInt, _ type: CInt, _ protocol: CInt) -> CInt {
    let made = Glibc.socket(domain, type | CInt(SOCK_CLOEXEC.rawValue), `protocol`)
    if made >= 0 { own[made] = [] }
    return made
  }

  /// Closes a socket that `open` created.
  func close(_ socket: CInt) -> CInt {
    own[socket] = nil
    all.remove(socket)
    return Glibc.close(socket)
  }

  /// Watches `socket` for `events` from now on, instead of the events before.
  ///
  /// If the kernel has no memory to watch a descriptor, its connection stays silent and its transfer ends by the time-out.
  func watch(_ socket: CInt, _ events: IOEvents) {
    let isNew = all.insert(socket).inserted
    if let watched = own[socket] {
      if watched == events { return }
      // Even if watched for no events, the kernel has it registered.
      let isWatched =
        control(watched.isEmpty ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, events)
        || control(EPOLL_CTL_MOD, socket, events)
      own[socket] = isWatched ? events : []
      return
    }
    if !isNew, control(EPOLL_CTL_MOD, socket, events) { return }
    // A new socket, or one whose number was used before: a closed socket is removed by itself.
    _ = control(EPOLL_CTL_ADD, socket, events)
  }

  func forget(_ socket: CInt) {
    guard all.remove(socket) != nil, own[socket] == nil else { return }
    // Fails for one that was closed before, which doesn't matter.
    _ = control(EPOLL_CTL_DEL, socket, [])
  }

  /// The next ready socket and its events; nil if none is ready.
  func next() -> (socket: CInt, events: IOEvents)? {
    var event = epoll_event()
    // Interrupted by a signal (EINTR) it returns none, too: the descriptor stays readable.
    while epoll_wait(descriptor, &event, 1, 0) == 1 {
      let socket = event.data.fd
      if all.contains(socket) { return (socket, IOEvents(rawValue: event.events)) }
      rest(socket)
    }
    return nil
  }

  /// The server closed an idle connection, which libcurl notices when it is about to use it.
  private func rest(_ socket: CInt) {
    if own[socket] != nil { own[socket] = [] }
    _ = control(EPOLL_CTL_DEL, socket, [])
  }

  private func control(_ operation: CInt, _ socket: CInt, _ events: IOEvents) -> Bool {
    var event = epoll_event(events: events.rawValue, data: epoll_data_t(fd: socket))
    return epoll_ctl(descriptor, operation, socket, &event) == 0
  }
}
