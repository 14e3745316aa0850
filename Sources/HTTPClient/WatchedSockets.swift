// Beside curl.h, which includes it, <sys/socket.h> is seen through that module alone in release builds: SOCK_CLOEXEC is of it.
import CCurl
import CLinux
import Glibc
import Systemd

/// Sockets of libcurl's in an epoll descriptor of their own, which is what the loop watches.
///
/// Sixteen busy sources of the loop would come before any other source's turn. Here the one that has waited longest is told at a
/// time, and what isn't asked for waits in the kernel: it tells a socket as long as that is ready, and the others first.
///
/// libcurl stops waiting for a socket at the end of each request, and begins again with the next one on that connection. The kernel watches
/// those that were made here meanwhile, which saves two system calls a request.
final class WatchedSockets {
  /// Readable when one of the sockets is ready.
  let descriptor: CInt
  /// Those that libcurl waits for at present.
  private(set) var all: Set<CInt> = []
  /// What the kernel watches each socket for that was made here and isn't closed; empty while it isn't watched.
  private var own: [CInt: IOEvents] = [:]

  init() throws(LoopError) {
    descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
    if descriptor < 0 { throw LoopError(attempt: "make an epoll descriptor", errno: errno) }
  }

  deinit { Glibc.close(descriptor) }

  /// A new socket (socket(2)); -1 where there is none to be had.
  func open(_ domain: CInt, _ type: CInt, _ protocol: CInt) -> CInt {
    let made = Glibc.socket(domain, type | CInt(SOCK_CLOEXEC.rawValue), `protocol`)
    if made >= 0 { own[made] = [] }
    return made
  }

  /// Closes one that `open` made.
  func close(_ socket: CInt) -> CInt {
    own[socket] = nil
    all.remove(socket)
    return Glibc.close(socket)
  }

  /// Watches `socket` for `events` from now on, instead of what it was watched for.
  ///
  /// A descriptor the kernel has no memory to watch is a connection that stays silent: its transfer ends by its time-out.
  func watch(_ socket: CInt, _ events: IOEvents) {
    let isNew = all.insert(socket).inserted
    if let watched = own[socket] {
      if watched == events { return }
      // Watched for nothing, it is known to the kernel all the same.
      let isWatched =
        control(watched.isEmpty ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, events)
        || control(EPOLL_CTL_MOD, socket, events)
      own[socket] = isWatched ? events : []
      return
    }
    if !isNew, control(EPOLL_CTL_MOD, socket, events) { return }
    // New; or one that was closed has left by itself, and its number has come back.
    _ = control(EPOLL_CTL_ADD, socket, events)
  }

  func forget(_ socket: CInt) {
    guard all.remove(socket) != nil, own[socket] == nil else { return }
    // Nothing to do about one that was closed before.
    _ = control(EPOLL_CTL_DEL, socket, [])
  }

  /// The next socket that is ready, and for what; nil when none is.
  func next() -> (socket: CInt, events: IOEvents)? {
    var event = epoll_event()
    // Interrupted by a signal (EINTR) it is none, too: the descriptor goes on being readable.
    while epoll_wait(descriptor, &event, 1, 0) == 1 {
      let socket = event.data.fd
      if all.contains(socket) { return (socket, IOEvents(rawValue: event.events)) }
      rest(socket)
    }
    return nil
  }

  /// An idle connection was closed by the server, which libcurl sees when it is about to use it.
  private func rest(_ socket: CInt) {
    if own[socket] != nil { own[socket] = [] }
    _ = control(EPOLL_CTL_DEL, socket, [])
  }

  private func control(_ operation: CInt, _ socket: CInt, _ events: IOEvents) -> Bool {
    var event = epoll_event(events: events.rawValue, data: epoll_data_t(fd: socket))
    return epoll_ctl(descriptor, operation, socket, &event) == 0
  }
}
