import Glibc
import Synchronization

/// A TCP relay on 127.0.0.1 that stands for the network between a program and a server: cut and restored at any moment.
///
/// A thread of its own does the work; it ends with the value.
package final class Relay {
  package enum Way: Sendable {
    /// Everything passes.
    case open
    /// Nobody listens: the kernel refuses connections.
    case refused
    /// Packets go nowhere: connecting takes for ever, as behind a firewall that drops.
    case swallowed
    /// The same, and what is connected stays so without a byte getting through, as when a route is lost.
    case silent
  }

  package let port: UInt16
  private let orders: RelayOrders
  private let thread: pthread_t

  /// Relays to `target` on 127.0.0.1, connecting from `source`, an address of 127.0.0.0/8 by which the server can distinguish it from others.
  package init(to target: UInt16, from source: String) throws {
    let line = try RelayLine(target: target, source: source)
    port = line.port
    orders = RelayOrders()
    let worker = RelayWorker(line, orders)
    var thread = pthread_t()
    let started = pthread_create(
      &thread, nil,
      { worker in
        Unmanaged<RelayWorker>.fromOpaque(worker!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(worker).toOpaque())
    guard started == 0 else { throw StreamError(attempt: "start a relay", number: started) }
    self.thread = thread
  }

  /// Changes the way for new connections, and ends those that there are, unless it falls silent; all that has happened when this returns.
  package func set(_ way: Way) { orders.give(way) }

  deinit {
    orders.give(nil)
    pthread_join(thread, nil)
  }
}

/// The orders for the relay's thread.
private final class RelayOrders: Sendable {
  /// nil ends the thread.
  private let wanted = Mutex<Relay.Way?>(.open)
  /// Readable when there is something new.
  let bell: CInt
  private let giver: CInt

  init() {
    var pair: [CInt] = [-1, -1]
    socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
    (giver, bell) = (pair[0], pair[1])
  }

  deinit { for descriptor in [bell, giver] { close(descriptor) } }

  /// Returns when it has been performed.
  func give(_ way: Relay.Way?) {
    wanted.withLock { $0 = way }
    var byte: UInt8 = 0
    if write(giver, &byte, 1) == 1 { _ = read(giver, &byte, 1) }
  }

  /// Performs what was given last.
  func take(_ perform: (Relay.Way?) -> Void) {
    var byte: UInt8 = 0
    _ = read(bell, &byte, 1)
    perform(wanted.withLock { $0 })
    _ = write(bell, &byte, 1)
  }
}

/// Moves bytes until it is ended.
private final class RelayWorker {
  private let line: RelayLine
  private let orders: RelayOrders
  /// Each socket's other end.
  private var ends: [CInt: CInt] = [:]
  private var isSilent = false
  private var isOver = false

  init(_ line: RelayLine, _ orders: RelayOrders) {
    self.line = line
    self.orders = orders
  }

  func run() {
    while !isOver {
      // poll(2) passes over an entry of -1, which is what a line that doesn't listen has.
      let moving = isSilent ? [] : Array(ends.keys)
      var watched = ([orders.bell, line.listener] + moving).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&watched, nfds_t(watched.count), -1) > 0 else { continue }
      for entry in watched where entry.revents != 0 { serve(entry.fd) }
    }
  }

  private func serve(_ descriptor: CInt) {
    if descriptor == orders.bell { return orders.take(change) }
    if descriptor == line.listener {
      if let (near, far) = line.accept() { (ends[near], ends[far]) = (far, near) }
      return
    }
    // Gone with its other end in this same round.
    guard let other = ends[descriptor] else { return }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, CInt(MSG_DONTWAIT))
    if count < 0 && errno == EAGAIN { return }
    if count > 0, send(other, chunk, count, CInt(MSG_NOSIGNAL)) == count { return }
    for end in [descriptor, other] {
      ends[end] = nil
      close(end)
    }
  }

  private func change(_ way: Relay.Way?) {
    isSilent = way == .silent
    if !isSilent {
      for end in ends.keys { close(end) }
      ends = [:]
    }
    isOver = way == nil
    line.lead(way ?? .refused)
  }
}

/// The relay's sockets: one that keeps the port, and one that listens while the way is not refused.
private final class RelayLine {
  let port: UInt16
  private(set) var listener: CInt = -1
  private let keeper: CInt
  private let target: UInt16
  private let source: String
  private var fillers: [CInt] = []

  init(target: UInt16, source: String) throws {
    self.target = target
    self.source = source
    let keeper = Self.socket()
    self.keeper = keeper
    guard Self.bind(keeper, "127.0.0.1", port: 0) else { throw StreamError(attempt: "take a port", number: errno) }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(keeper, $0, &size) }
    }
    port = UInt16(bigEndian: address.sin_port)
    lead(.open)
    guard listener >= 0 else { throw StreamError(attempt: "listen on port \(port)", number: errno) }
  }

  deinit {
    lead(.refused)
    close(keeper)
  }

  func lead(_ way: Relay.Way) {
    for filler in fillers { close(filler) }
    fillers = []
    if listener >= 0 { close(listener) }
    listener = -1
    guard way != .refused else { return }
    let listener = Self.socket()
    // A queue of length 0 takes one connection; who comes after that gets no answer from the kernel.
    guard Self.bind(listener, "127.0.0.1", port: port), listen(listener, way == .open ? 128 : 0) == 0 else {
      close(listener)
      return
    }
    if way == .open {
      self.listener = listener
    } else {
      fillers =
        [listener]
        + (0..<4).map { _ in
          let filler = Self.socket(SOCK_NONBLOCK)
          _ = Self.connect(filler, port: port)
          return filler
        }
    }
  }

  /// The next connection and one to the target for it; nil when either is gone.
  func accept() -> (near: CInt, far: CInt)? {
    let near = Glibc.accept(listener, nil, nil)
    guard near >= 0 else { return nil }
    let far = Self.socket()
    guard Self.bind(far, source, port: 0), Self.connect(far, port: target) else {
      close(near)
      close(far)
      return nil
    }
    return (near, far)
  }

  private static func socket(_ flags: __socket_type = __socket_type(0)) -> CInt {
    let descriptor = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags.rawValue), 0)
    var yes: CInt = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    return descriptor
  }

  private static func bind(_ descriptor: CInt, _ address: String, port: UInt16) -> Bool {
    withAddress(address, port: port) { Glibc.bind(descriptor, $0, $1) == 0 }
  }

  private static func connect(_ descriptor: CInt, port: UInt16) -> Bool {
    withAddress("127.0.0.1", port: port) { Glibc.connect(descriptor, $0, $1) == 0 }
  }

  private static func withAddress(
    _ text: String, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    return withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
