import Glibc

/// A pipe that is full, with nobody who reads it.
package final class UnreadPipe {
  /// A program's stream is a copy of it. It blocks.
  package private(set) var writer: CInt
  private var reader: CInt
  /// How many bytes of those that it was filled with are in it.
  private var filling: Int

  package init() throws {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw StreamError(attempt: "make a pipe", number: errno) }
    (reader, writer) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(writer, F_SETFL, O_NONBLOCK)
    var count = 0
    // The last bytes one by one, until there is no room for any.
    for size in [4096, 1] {
      let bytes = [UInt8](repeating: UInt8(ascii: "."), count: size)
      while true {
        let written = write(writer, bytes, size)
        if written < 0 { break }
        count += written
      }
    }
    filling = count
    _ = fcntl(writer, F_SETFL, 0)
  }

  /// Lets the program alone keep it open.
  package func closeWriter() {
    close(writer)
    writer = -1
  }

  package func closeReader() {
    close(reader)
    reader = -1
  }

  /// Reads what it is filled with, and then so many lines, which it waits for.
  package func readLines(_ count: Int) throws -> [String] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < filling || bytes.dropFirst(filling).count(where: { $0 == UInt8(ascii: "\n") }) < count {
      var entry = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 20_000) == 1 else { throw StreamError(attempt: "read from the pipe", number: ETIMEDOUT) }
      let got = read(reader, &chunk, chunk.count)
      guard got > 0 else { throw StreamError(attempt: "read from the pipe", number: got < 0 ? errno : EPIPE) }
      bytes += chunk[..<got]
    }
    defer { filling = 0 }
    return String(decoding: bytes.dropFirst(filling), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  deinit {
    if writer >= 0 { close(writer) }
    if reader >= 0 { close(reader) }
  }
}
