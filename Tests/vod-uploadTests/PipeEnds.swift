import Glibc
import Systemd

/// The ends of a pipe.
final class PipeEnds {
  private(set) var reading: CInt
  let writing: CInt

  init() throws {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw LoopError(attempt: "make a pipe", errno: errno) }
    (reading, writing) = (ends[0], ends[1])
    // F_SETPIPE_SZ of <fcntl.h>: so much fits in without a reader.
    guard fcntl(writing, 1031, 1 << 20) >= 1 << 20 else { throw LoopError(attempt: "enlarge a pipe", errno: errno) }
  }

  deinit {
    closeReading()
    close(writing)
  }

  func closeReading() {
    if reading >= 0 { close(reading) }
    reading = -1
  }

  /// What is there; with `blocking` at least a byte.
  func read(blocking: Bool = false) -> String {
    var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, blocking ? -1 : 0) > 0 else { return "" }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = Glibc.read(reading, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }
}
