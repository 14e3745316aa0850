internal import Core
import Glibc
package import Secrets

/// The blocking client of the daemon's own socket, one connection a request, for command lines.
///
/// A daemon that is being restarted refuses connections for a moment, and one that stops ends those that it hasn't answered:
/// both are tried again, for a second where the socket is gone, as after a stop, for three where it is still there, as after a crash.
package struct LocalClient {
  /// What the daemon answered.
  package struct Answer {
    package let head: AnswerHead
    package let body: Secret

    package var status: Int { head.status }
  }

  /// How long a daemon that isn't there is tried again.
  struct Retries {
    /// Where the socket is gone, too: systemd starts a daemon that it restarts at once.
    var restart = Duration.seconds(1)
    /// Where the socket was left behind: systemd waits a second before it starts one that crashed (the unit's RestartSec=).
    var crash = Duration.seconds(3)
  }

  private static let pauseMicroseconds: UInt32 = 20_000

  package let path: String
  /// How long one request may take in all, from connecting to the last byte of the answer.
  package let timeout: Duration
  /// What is done before something is tried again.
  private let pause: () -> Void
  private let retries: Retries

  /// What an answer may take that nothing has to be waited for.
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

  /// Makes one request without a body. `target` is a path with its query, percent-encoded; `timeout` holds for this request alone.
  package func request(
    _ method: String = "GET", _ target: String, timeout: Duration? = nil
  ) throws(LocalClientError) -> Answer {
    let timeout = timeout ?? self.timeout
    let deadline = Deadline(after: timeout)
    return try retrying(deadline) { () throws(LocalClientError) in
      let (connection, head) = try ask(method, target, deadline, timeout)
      var body = SecretBuffer(capacity: head.contentLength ?? 4096)
      try connection.readBody(length: head.contentLength, into: &body)
      return Answer(head: head, body: body.finish())
    }
  }

  /// Opens a stream of lines; the answer instead when it is something else than 200.
  package func lines(_ target: String, timeout: Duration? = nil) throws(LocalClientError) -> Stream {
    let timeout = timeout ?? self.timeout
    let deadline = Deadline(after: timeout)
    return try retrying(deadline) { () throws(LocalClientError) in
      let (connection, head) = try ask("GET", target, deadline, timeout)
      if head.status == 200 { return .open(LineStream(connection)) }
      var body = SecretBuffer(capacity: head.contentLength ?? 4096)
      try connection.readBody(length: head.contentLength, into: &body)
      return .refused(Answer(head: head, body: body.finish()))
    }
  }

  /// Sends one request and leaves its answer for later: for who has an event loop, and waits there until the descriptor is readable.
  ///
  /// A daemon that is being restarted is the caller's to try again, and so is one whose queue of connections is full (`full`): the loop isn't
  /// held up by it.
  package func begin(_ target: String) throws(LocalClientError) -> PendingAnswer {
    let connection: LocalConnection
    do {
      connection = try LocalConnection(path: path, deadline: Deadline(after: Self.longestConnect), timeout: timeout)
    } catch .silent {
      throw .full(path: path)
    }
    try connection.send(Self.request("GET", target))
    return PendingAnswer(connection)
  }

  /// How long `begin` waits for a place in the daemon's queue of connections.
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

  /// Tries again what a restart of the daemon makes fail, for as long as a restart takes.
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

/// An answer that is read as it comes, without waiting.
package final class PendingAnswer {
  /// The most bytes of a body that are taken: a credential has some 4 KB, a list of 10,000 roles that may be read less than this.
  static let longestBody = 4 << 20

  private let connection: LocalConnection
  private var head: AnswerHead?
  private var body = SecretBuffer(capacity: 0)

  init(_ connection: LocalConnection) { self.connection = connection }

  /// Readable when there is something for `read`; open as long as this object lives.
  package var descriptor: CInt { connection.descriptor }

  /// Takes what has come, up to 16 KB; returns the answer once all of it is there.
  package func read() throws(LocalClientError) -> LocalClient.Answer? {
    let isOpen = try connection.takeSome()
    if head == nil {
      head = try connection.takeHead()
      let length = head?.contentLength ?? 4096
      guard length <= Self.longestBody else { throw connection.isMalformed }
      body = SecretBuffer(capacity: length)
    }
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

/// Lines as they come, until the daemon ends.
package final class LineStream {
  private let connection: LocalConnection

  init(_ connection: LocalConnection) { self.connection = connection }

  /// The next line without its end; nil when the daemon has closed the stream. Throws `silent` when none comes within `span`.
  package func next(within span: Duration) throws(LocalClientError) -> String? {
    connection.setTimeout(span)
    return try connection.readLine()
  }
}

/// Why no answer came from the daemon.
package enum LocalClientError: Error, Equatable, CustomStringConvertible {
  case pathTooLong(String)
  /// Nothing is at that path.
  case absent(String)
  /// A socket is there that nobody listens on.
  case notRunning(String)
  /// Something else than a socket is there: `kind` is "a directory", say.
  case notASocket(path: String, kind: String)
  /// `remedy` says who may connect, and how to become one of them.
  case notAllowed(path: String, remedy: String)
  case failed(path: String, errno: Int32)
  case silent(path: String, timeout: Duration)
  /// As many connections wait as there is room for (listen(2)).
  case full(path: String)
  /// The connection ended before an answer came.
  case ended(path: String)
  /// The connection ended inside the answer.
  case cut(path: String)
  case malformed(path: String)

  /// Whether a daemon that is being restarted makes a request fail like this.
  package var mayBeRestart: Bool {
    switch self {
    case .absent, .notRunning, .ended: true
    case .pathTooLong, .notASocket, .notAllowed, .failed, .silent, .full, .cut, .malformed: false
    }
  }

  private static let whereToLook =
    "look with 'systemctl status rolekeeper'; if it runs, its 'socket.path' may be another one: name that by --socket or ROLEKEEPER_SOCKET"

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
