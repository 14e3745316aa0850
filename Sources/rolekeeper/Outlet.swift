import CommandInterface
import Glibc

/// The lines for a standard stream of a process that looks after a command: while nobody reads the stream they wait in memory, and the
/// process goes on. The latest are kept.
///
/// A pipe or a terminal is opened once more for that, since O_NONBLOCK on the stream itself would be set for all programs that share
/// it. Where that is impossible, poll(2) is asked before each write: a pipe with room has it for 4096 bytes (pipe(7)), unless another
/// program writes in between.
final class Outlet {
  /// How many lines wait at most; older ones are left out.
  static let mostLines = 1000
  private static let mostBytesAtOnce = Int(PIPE_BUF)

  private let stream: CInt
  /// The stream opened again, without blocking; nil if that is impossible.
  private let own: CInt?
  private let isSocket: Bool
  private var lines: [[UInt8]] = []
  /// How much of the first line is written.
  private var written = 0

  /// `stream` stays open as long as this object.
  init(_ stream: CInt) {
    self.stream = stream
    var status = stat()
    let kind = fstat(stream, &status) == 0 ? status.st_mode & S_IFMT : 0
    isSocket = kind == S_IFSOCK
    let canBeOpened = kind == S_IFIFO || (kind == S_IFCHR && isatty(stream) == 1)
    let opened = canBeOpened ? open("/proc/self/fd/\(stream)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1
    own = opened >= 0 ? opened : nil
  }

  deinit { if let own { close(own) } }

  /// What `flush` waits for: room in this descriptor; nil if no line waits.
  var descriptor: CInt? { lines.isEmpty ? nil : own ?? stream }

  /// Writes the text, or keeps it until there is room. Throws if the stream can't be written to any more.
  func write(_ text: String) throws(Console.WriteError) {
    lines.append(Array(text.utf8))
    // Never the rest of a line.
    if lines.count > Self.mostLines { lines.remove(at: written > 0 ? 1 : 0) }
    try flush()
  }

  /// Writes to stderr, each line with the program's name. If stderr is closed, that can't be reported.
  func report(_ text: String) { try? write(Console.lines(text, of: "rolekeeper")) }

  /// Writes what waits, as far as there is room.
  func flush() throws(Console.WriteError) {
    while let line = lines.first {
      let count = put(line[written...].prefix(Self.mostBytesAtOnce))
      guard count >= 0 else {
        let number = errno
        if number == EINTR { continue }
        if number == EAGAIN { return }
        (lines, written) = ([], 0)
        throw Console.WriteError(number: number)
      }
      written += count
      if written == line.count {
        lines.removeFirst()
        written = 0
      }
    }
  }

  /// Writes what waits, and blocks while the stream isn't read.
  func drain() throws(Console.WriteError) {
    try flush()
    while let descriptor {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&entry, 1, -1)
      try flush()
    }
  }

  /// As write(2), with EAGAIN if that would block.
  private func put(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.withUnsafeBytes { bytes in
      if isSocket { return send(stream, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT)) }
      if let own { return Glibc.write(own, bytes.baseAddress, bytes.count) }
      var entry = pollfd(fd: stream, events: Int16(POLLOUT), revents: 0)
      guard poll(&entry, 1, 0) != 0 else {
        errno = EAGAIN
        return -1
      }
      return Glibc.write(stream, bytes.baseAddress, bytes.count)
    }
  }
}
