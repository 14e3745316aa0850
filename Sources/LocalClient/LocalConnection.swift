import Glibc
import Secrets

/// One connection to the daemon's socket, closed when the object is released.
///
/// All waits share one deadline, however slowly the other end answers. They continue after this process was stopped and
/// continued (signal(7): poll and connect then end with EINTR, even without a handler).
final class LocalConnection {
  private static let longestHead = 16_384
  /// The most memory that is set aside for a body before it arrives.
  private static let firstRoom = 1 << 20

  let descriptor: CInt
  private let path: String
  private var deadline: Deadline
  /// The duration that `deadline` was computed from, for messages.
  private var timeout: Duration
  private var pending: [UInt8] = []
  private var hasReceived = false

  init(path: String, deadline: Deadline, timeout: Duration) throws(LocalClientError) {
    self.path = path
    self.deadline = deadline
    self.timeout = timeout
    descriptor = try Self.connected(path, deadline, timeout)
  }

  /// Over a connected socket, which it takes over; `name` stands for the path in errors.
  init(_ descriptor: CInt, to name: String, deadline: Deadline, timeout: Duration) {
    self.descriptor = descriptor
    path = name
    self.deadline = deadline
    self.timeout = timeout
  }

  deinit { close(descriptor) }

  /// Sets a new deadline for what follows.
  func setTimeout(_ span: Duration) {
    timeout = span
    deadline = Deadline(after: span)
  }

  func send(_ text: String) throws(LocalClientError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      switch errno {
      // The daemon may refuse the request, answer and close before it has read everything: its answer has the reason.
      case EPIPE, ECONNRESET: return
      case EAGAIN: try wait(for: POLLOUT)
      case EINTR: break
      default: throw .failed(path: path, errno: errno)
      }
    }
  }

  /// Reads up to the blank line. Bytes of the body that arrive with it are wiped after they have been passed on.
  func readHead() throws(LocalClientError) -> AnswerHead {
    while true {
      if let head = try takeHead() { return head }
      guard try fill() else { throw isEnded }
    }
  }

  /// As `readHead`, without blocking; nil while the head isn't complete.
  func takeHead() throws(LocalClientError) -> AnswerHead? {
    guard let end = endOfHead else {
      guard pending.count <= Self.longestHead else { throw isMalformed }
      return nil
    }
    let head = AnswerHead(pending[..<(end - 2)])
    dropPending(end)
    guard let head else { throw isMalformed }
    return head
  }

  var isMalformed: LocalClientError { .malformed(path: path) }
  var isCut: LocalClientError { .cut(path: path) }
  /// The error for a connection that ended before the head did.
  var isEnded: LocalClientError { hasReceived ? .cut(path: path) : .ended(path: path) }

  /// Reads up to 16 KB of what has arrived, without blocking; false at the end of the connection.
  func takeSome() throws(LocalClientError) -> Bool {
    reserve()
    let count = takeWhatCame()
    if count > 0 { hasReceived = true }
    switch -count {
    case ...0: return count > 0
    case EAGAIN, EINTR: return true
    case ECONNRESET: return false
    default: throw .failed(path: path, errno: -count)
    }
  }

  /// Appends what has arrived of a body with `length` bytes, or of one that lasts until the end of the connection.
  func takeBody(length: Int?, into body: inout SecretBuffer) {
    let count = min(pending.count, length.map { $0 - body.count } ?? pending.count)
    guard count > 0 else { return }
    pending.withUnsafeBufferPointer { body.append($0.extracting(0..<count).span) }
    dropPending(count)
  }

  /// The length of the head in the pending bytes, including the blank line; nil while it isn't complete.
  private var endOfHead: Int? {
    // Not with `firstRange(of:)`, which would link the library of regular expressions and make the program half as
    // large again.
    for place in pending.indices.dropFirst(3) where pending[place] == UInt8(ascii: "\n") {
      if pending[(place - 3)...place].elementsEqual("\r\n\r\n".utf8) { return place + 1 }
    }
    return nil
  }

  /// Reads the body after `head`, which may have any length: memory grows with what arrives, not with what was announced.
  func readBody(of head: AnswerHead) throws(LocalClientError) -> Secret {
    let length = head.contentLength
    var body = SecretBuffer(capacity: min(length ?? 4096, Self.firstRoom))
    while length.map({ body.count < $0 }) ?? true {
      if pending.isEmpty, try !fill() {
        guard length == nil else { throw .cut(path: path) }
        break
      }
      takeBody(length: length, into: &body)
    }
    return body.finish()
  }

  /// Reads one line without its end; nil at the end of the connection.
  func readLine() throws(LocalClientError) -> String? {
    while true {
      if let line = takeLine() { return line }
      guard try fill() else { return nil }
    }
  }

  /// The next line of what has been read; nil while it isn't complete.
  func takeLine() -> String? {
    guard let end = pending.firstIndex(of: 10) else { return nil }
    defer { dropPending(end + 1) }
    return String(decoding: pending[..<end], as: UTF8.self)
  }

  /// Reserves room first, so that growing the buffer leaves no copy of a secret.
  private func reserve() {
    let room = 65_536
    if pending.capacity < room { pending.reserveCapacity(room) }
  }

  /// Appends what has arrived; false at the end of the connection.
  private func fill() throws(LocalClientError) -> Bool {
    reserve()
    while true {
      let count = takeWhatCame()
      if count > 0 { hasReceived = true }
      if count >= 0 { return count > 0 }
      switch -count {
      case EAGAIN: try wait(for: POLLIN)
      case EINTR: break
      // The other end closed without having read all that we sent.
      case ECONNRESET: return false
      default: throw .failed(path: path, errno: -count)
      }
    }
  }

  /// Waits until something has arrived, or the other end has closed.
  func awaitInput() throws(LocalClientError) { try wait(for: POLLIN) }

  /// Appends what has arrived and returns its length: 0 at the end of the connection, or a negative errno.
  private func takeWhatCame() -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { chunk in
      let count = recv(descriptor, chunk.baseAddress, chunk.count, CInt(MSG_DONTWAIT))
      guard count >= 0 else { return -errno }
      pending += chunk[..<count]
      if count > 0 { explicit_bzero(chunk.baseAddress!, count) }
      return Int32(count)
    }
  }

  /// Polls at least once, so that data that arrived while this process was stopped is read.
  private func wait(for events: CInt) throws(LocalClientError) {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let left = deadline.leftMilliseconds
      let count = poll(&entry, 1, left)
      if count > 0 { return }
      if count < 0 && errno != EINTR { throw .failed(path: path, errno: errno) }
      if left == 0 { throw .silent(path: path, timeout: timeout) }
    }
  }

  private func dropPending(_ count: Int) {
    let kept = pending.count - count
    for index in 0..<kept { pending[index] = pending[index + count] }
    pending.withUnsafeMutableBytes { explicit_bzero($0.baseAddress! + kept, $0.count - kept) }
    pending.removeLast(count)
  }

  // MARK: - Connecting

  private static func connected(
    _ path: String, _ deadline: Deadline, _ timeout: Duration
  ) throws(LocalClientError) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .pathTooLong(path) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .failed(path: path, errno: errno) }
    while true {
      // If the listener's queue is full, connect blocks (unix(7)): no longer than our deadline.
      let left = max(1, deadline.leftMilliseconds)
      var limit = timeval(tv_sec: Int(left / 1000), tv_usec: Int(left % 1000) * 1000)
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      let result = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      let number = errno
      if result == 0 { return descriptor }
      if number == EINTR && !deadline.hasPassed { continue }
      close(descriptor)
      throw connectError(path, number, timeout)
    }
  }

  private static func connectError(_ path: String, _ number: Int32, _ timeout: Duration) -> LocalClientError {
    switch number {
    // connect(2) reports this both for a socket on which nobody listens and for something that isn't a socket.
    case ECONNREFUSED: otherKind(at: path).map { .notASocket(path: path, kind: $0) } ?? .notRunning(path)
    case ENOENT, ENOTDIR: .absent(path)
    case EACCES, EPERM: .notAllowed(path: path, remedy: ConnectPermission.remedy(for: path))
    case EAGAIN, EINTR: .silent(path: path, timeout: timeout)
    default: .failed(path: path, errno: number)
    }
  }

  /// The kind of file at the path, if it isn't a socket.
  private static func otherKind(at path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFSOCK: return nil
    case S_IFDIR: return "a directory"
    case S_IFREG: return "a plain file"
    default: return "another kind of file"
    }
  }
}
