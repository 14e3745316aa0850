internal import Core
import Glibc
package import Secrets

/// A blocking client of the daemon's socket for command lines, with one connection per request.
///
/// While the daemon restarts, it refuses connections for a moment, and while it stops, it closes those that it hasn't
/// answered. Both are retried: for one second if the socket is missing, as after a stop, and for three if it still
/// exists, as after a crash.
package struct LocalClient {
  /// What the daemon answered.
  package struct Answer {
    package let head: AnswerHead
    package let body: Secret

    package var status: Int { head.status }
  }

  /// How long connecting to an absent daemon is retried.
  struct Retries {
    /// If the socket is missing: systemd starts a daemon at once when it restarts it.
    var restart = Duration.seconds(1)
    /// If the socket still exists: systemd waits a second before it starts a crashed daemon (the unit's RestartSec=).
    var crash = Duration.seconds(3)
  }

  private static let pauseMicroseconds: UInt32 = 20_000

  package let path: String
  /// The time limit for one request, from connecting to the last byte of the answer.
  package let timeout: Duration
  /// Called before each retry.
  private let pause: () -> Void
  private let retries: Retries

  /// The time limit for an answer that doesn't involve waiting.
  package static let standardTimeout = Duration.seconds(15)

  package init(path: String, timeout: Duration = standardTimeout) {
    self.init(path: path, timeout: timeout) { usleep(Self.pauseMicroseconds) }
  }

  init(path: String, timeout: Duration, retries: Retries = Retries(), pause: @escaping () -> Void) {
    self.path = path
    self.timeout = timeout
    self.retries = retries
    self.pause = pause
  }

  /// Makes one request without a body. `target` is a path with its query, percent-encoded; `timeout` applies to this
  /// request alone.
  package func request(
    _ method: String = "GET", _ target: String, timeout: Duration? = nil
  ) throws(LocalClientError) -> Answer {
    let timeout = timeout ?? self.timeout
    let deadline = Deadline(after: timeout)
    return try retrying(deadline) { () throws(LocalClientError) in
      let (connection, head) = try ask(method, target, deadline, timeout)
      return Answer(head: head, body: try connection.readBody(of: head))
    }
  }

  /// Opens a stream of lines. If the status isn't 200, the result is the answer instead.
  package func lines(_ target: String, timeout: Duration? = nil) throws(LocalClientError) -> Stream {
    let timeout = timeout ?? self.timeout
    let deadline = Deadline(after: timeout)
    return try retrying(deadline) { () throws(LocalClientError) in
      let (connection, head) = try ask("GET", target, deadline, timeout)
      if head.status == 200 { return .open(LineStream(connection)) }
      return .refused(Answer(head: head, body: try connection.readBody(of: head)))
    }
  }

  /// Sends one request without a body, and doesn't wait for the answer: for programs with an event loop, which wait
  /// until the descriptor is readable.
  ///
  /// The caller has to retry if the daemon is restarting, or if its connection queue is full (`full`): this call never
  /// delays the loop for that.
  package func begin(_ target: String, method: String = "GET") throws(LocalClientError) -> PendingAnswer {
    PendingAnswer(try sent(method, target))
  }

  /// The same for a stream of lines.
  package func beginLines(_ target: String) throws(LocalClientError) -> PendingStream {
    PendingStream(try sent("GET", target))
  }

  private func sent(_ method: String, _ target: String) throws(LocalClientError) -> LocalConnection {
    let connection: LocalConnection
    do {
      connection = try LocalConnection(path: path, deadline: Deadline(after: Self.longestConnect), timeout: timeout)
    } catch .silent {
      throw .full(path: path)
    }
    try connection.send(Self.request(method, target))
    return connection
  }

  /// How long `begin` waits for room in the daemon's connection queue.
  private static let longestConnect = Duration.milliseconds(20)

  package enum Stream {
    case open(LineStream)
    case refused(Answer)
  }

  private func ask(
    _ method: String, _ target: String, _ deadline: Deadline, _ timeout: Duration
  ) throws(LocalClientError) -> (LocalConnection, AnswerHead) {
    let connection = try LocalConnection(path: path, deadline: deadline, timeout: timeout)
    try connection.send(Self.request(method, target))
    return (connection, try connection.readHead())
  }

  private static func request(_ method: String, _ target: String) -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
  }

  private var isThere: Bool { access(path, F_OK) == 0 }

  /// Retries failures that a restart of the daemon causes, as long as a restart takes.
  private func retrying<R>(
    _ deadline: Deadline, _ body: () throws(LocalClientError) -> R
  ) throws(LocalClientError) -> R {
    let end = Deadline.earlier(deadline, Deadline(after: retries.restart))
    let endAfterCrash = Deadline.earlier(deadline, Deadline(after: retries.crash))
    while true {
      do {
        return try body()
      } catch {
        guard error.mayBeRestart, !(isThere ? endAfterCrash : end).hasPassed else { throw error }
      }
      pause()
    }
  }
}

/// An answer that is read as it arrives, without blocking.
package final class PendingAnswer {
  /// The maximum length of a body that is accepted, in bytes: a credential has some 4 KB, and a list of 10,000 readable
  /// roles less than this.
  static let longestBody = 4 << 20

  private let connection: LocalConnection
  private var head: AnswerHead?
  private var body = SecretBuffer(capacity: 0)

  init(_ connection: LocalConnection) { self.connection = connection }

  /// `head` has been read already.
  fileprivate init(_ connection: LocalConnection, _ head: AnswerHead) throws(LocalClientError) {
    self.connection = connection
    try take(head)
  }

  /// Readable when there is something for `read`; open as long as this object exists.
  package var descriptor: CInt { connection.descriptor }

  private func take(_ head: AnswerHead) throws(LocalClientError) {
    self.head = head
    let length = head.contentLength ?? 4096
    guard length <= Self.longestBody else { throw connection.isMalformed }
    body = SecretBuffer(capacity: length)
  }

  /// Reads what has arrived, up to 16 KB; returns the answer when it is complete.
  package func read() throws(LocalClientError) -> LocalClient.Answer? {
    let isOpen = try connection.takeSome()
    if head == nil, let head = try connection.takeHead() { try take(head) }
    guard let head else {
      guard isOpen else { throw connection.isEnded }
      return nil
    }
    connection.takeBody(length: head.contentLength, into: &body)
    guard body.count <= Self.longestBody else { throw connection.isMalformed }
    if let length = head.contentLength, body.count < length {
      guard isOpen else { throw connection.isCut }
      return nil
    }
    if head.contentLength == nil, isOpen { return nil }
    return LocalClient.Answer(head: head, body: body.withBytes { Secret(copying: $0) })
  }
}

/// A stream that isn't open yet, read without blocking.
package final class PendingStream {
  private let connection: LocalConnection
  private var refusal: PendingAnswer?

  init(_ connection: LocalConnection) { self.connection = connection }

  /// Readable when there is something for `read`; open as long as this object exists.
  package var descriptor: CInt { connection.descriptor }

  /// Reads what has arrived; returns the stream, or the answer that refuses it, when it is there.
  package func read() throws(LocalClientError) -> LocalClient.Stream? {
    if refusal == nil {
      let isOpen = try connection.takeSome()
      guard let head = try connection.takeHead() else {
        guard isOpen else { throw connection.isEnded }
        return nil
      }
      if head.status == 200 { return .open(LineStream(connection)) }
      refusal = try PendingAnswer(connection, head)
    }
    return try refusal?.read().map { .refused($0) }
  }
}

/// Lines as they arrive, until the daemon closes the stream.
package final class LineStream {
  private let connection: LocalConnection

  init(_ connection: LocalConnection) { self.connection = connection }

  /// Readable when there is something for `arrived`; open as long as this object exists.
  package var descriptor: CInt { connection.descriptor }

  /// The lines that have arrived, without blocking: of up to 16 KB at a time. Throws `ended` or `cut` if the daemon has closed the
  /// stream and no line is left.
  package func arrived() throws(LocalClientError) -> [String] {
    let isOpen = try connection.takeSome()
    var lines: [String] = []
    while let line = connection.takeLine() { lines.append(line) }
    guard isOpen || !lines.isEmpty else { throw connection.isEnded }
    return lines
  }

  /// The next line without its end; nil if the daemon has closed the stream. Throws `silent` if no line comes within
  /// `span`.
  package func next(within span: Duration) throws(LocalClientError) -> String? {
    connection.setTimeout(span)
    return try connection.readLine()
  }
}

/// Why the daemon gave no answer.
package enum LocalClientError: Error, Equatable, CustomStringConvertible {
  case pathTooLong(String)
  /// Nothing is at that path.
  case absent(String)
  /// A socket is there that nobody listens on.
  case notRunning(String)
  /// Something other than a socket is there; `kind` is a phrase such as "a directory".
  case notASocket(path: String, kind: String)
  /// `remedy` says who may connect, and how to become one of them.
  case notAllowed(path: String, remedy: String)
  case failed(path: String, errno: Int32)
  case silent(path: String, timeout: Duration)
  /// The queue of waiting connections is full (listen(2)).
  case full(path: String)
  /// The connection ended before an answer came.
  case ended(path: String)
  /// The connection ended in the middle of the answer.
  case cut(path: String)
  case malformed(path: String)

  /// Whether a restart of the daemon can cause this failure.
  package var mayBeRestart: Bool {
    switch self {
    case .absent, .notRunning, .ended: true
    case .pathTooLong, .notASocket, .notAllowed, .failed, .silent, .full, .cut, .malformed: false
    }
  }

  private static let whereToLook =
    "check 'systemctl status rolekeeper'; if it runs, its 'socket.path' may be another one: pass it with --socket or ROLEKEEPER_SOCKET"

  package var description: String {
    switch self {
    case .pathTooLong(let path): "socket '\(path)': the path is longer than 107 bytes; name the socket by a shorter one"
    case .absent(let path): "socket '\(path)': there is no such socket; \(Self.whereToLook)"
    case .notRunning(let path): "socket '\(path)': nothing listens there; \(Self.whereToLook)"
    case .notASocket(let path, let kind):
      "socket '\(path)': \(kind) is there, not a socket; name the daemon's socket by --socket or ROLEKEEPER_SOCKET"
    case .notAllowed(let path, let remedy): "socket '\(path)': permission denied; \(remedy)"
    case .failed(let path, let number): "socket '\(path)': \(String(cString: strerror(number)))"
    case .silent(let path, let timeout):
      "socket '\(path)': no answer within \(timeout.text); see systemctl status rolekeeper"
    case .full(let path):
      "socket '\(path)': as many connections wait there as it takes; see systemctl status rolekeeper"
    case .ended(let path):
      "socket '\(path)': the connection ended without an answer; see systemctl status rolekeeper"
    case .cut(let path): "socket '\(path)': the answer was cut off; see systemctl status rolekeeper"
    case .malformed(let path): "socket '\(path)': the answer there isn't rolekeeperd's; is it the right socket?"
    }
  }
}
