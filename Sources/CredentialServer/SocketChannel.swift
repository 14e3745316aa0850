import CLinux
import Glibc
import Systemd

/// An accepted connection on the loop.
final class SocketChannel: UnitChannel {
  /// The connection's number; nil while it is being accepted, and if it was closed at once.
  var number: UInt64?
  private let descriptor: CInt
  private var source: IOSource?

  /// Takes ownership of the descriptor, unless it throws.
  init(_ loop: EventLoop, _ descriptor: CInt, server: UnitServer) throws(LoopError) {
    self.descriptor = descriptor
    // systemd shuts down its own direction at once, so reading is useless; that the peer has closed the connection
    // shows as a hang-up.
    source = try IOSource(loop, descriptor: descriptor, events: []) { [unowned self, unowned server] events in
      guard let number else { return }
      if events.contains(.writable) { server.writable(number) } else { server.hungUp(number) }
    }
  }

  deinit { close() }

  func send(_ bytes: Span<UInt8>) -> Int? {
    let sent = bytes.withUnsafeBufferPointer {
      clinux_send(
        descriptor, clinux_part(bytes: $0.baseAddress, count: $0.count), clinux_part(), clinux_part(), clinux_part())
    }
    if sent >= 0 { return sent }
    return sent == -Int(EAGAIN) ? 0 : nil
  }

  func watchRoom(_ isWatched: Bool) {
    // If this fails for lack of memory, the connection is closed at its deadline.
    try? source?.watch(isWatched ? .writable : [])
  }

  func close() {
    guard source != nil else { return }
    source = nil
    Glibc.close(descriptor)
  }
}
