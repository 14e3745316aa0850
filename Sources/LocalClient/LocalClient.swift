import Glibc
package import Secrets

/// The blocking client of the daemon's own socket, one connection a request, for command lines.
package struct LocalClient {
  /// What the daemon answered.
  package struct Answer {
    package let status: Int
    /// Header fields by lower-case name.
    package let fields: [String: String]
    package let body: Secret
  }

  package let path: String
  /// How long the daemon may be silent, in seconds, before it counts as stuck.
  package let patienceSeconds: Int

  package init(path: String, patienceSeconds: Int = 15) {
    self.path = path
    self.patienceSeconds = patienceSeconds
  }

  /// Makes one request without a body. `target` is a path with its query, percent-encoded.
  package func request(_ method: String = "GET", _ target: String) throws(LocalClientError) -> Answer {
    let connection = try LocalConnection(path: path, patienceSeconds: patienceSeconds)
    try connection.send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    let head = try connection.readHead()
    var body = SecretBuffer(capacity: head.contentLength ?? 4096)
    try connection.readBody(length: head.contentLength, into: &body)
    return Answer(status: head.status, fields: head.fields, body: body.finish())
  }

  /// Opens a stream of lines; nil when the daemon answers with something else than 200.
  package func lines(_ target: String) throws(LocalClientError) -> LineStream? {
    let connection = try LocalConnection(path: path, patienceSeconds: patienceSeconds)
    try connection.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return try connection.readHead().status == 200 ? LineStream(connection) : nil
  }
}

/// Lines as they come, until the daemon ends.
package final class LineStream {
  private let connection: LocalConnection

  init(_ connection: LocalConnection) { self.connection = connection }

  /// The next line without its end; nil when the daemon has closed the stream. Throws `silent` when none comes in time.
  package func next() throws(LocalClientError) -> String? { try connection.readLine() }

  /// Changes how long `next` waits.
  package func wait(atMostSeconds seconds: Int) { connection.setPatience(seconds) }
}

/// Why no answer came from the daemon.
package enum LocalClientError: Error, Equatable, CustomStringConvertible {
  case pathTooLong(String)
  case notRunning(String)
  case notAllowed(String)
  case failed(path: String, errno: Int32)
  case silent(path: String, seconds: Int)
  case malformed(path: String)

  package var description: String {
    switch self {
    case .pathTooLong(let path): "socket '\(path)': the path is longer than 107 bytes; name the socket by a shorter one"
    case .notRunning(let path):
      "socket '\(path)': no daemon listens there; start it (systemctl start rolekeeper), or name its socket by --socket"
    case .notAllowed(let path):
      "socket '\(path)': permission denied; a member of the socket's group may connect, from the next login on"
    case .failed(let path, let number): "socket '\(path)': \(String(cString: strerror(number)))"
    case .silent(let path, let seconds):
      "socket '\(path)': no answer within \(seconds) s; see systemctl status rolekeeper"
    case .malformed(let path): "socket '\(path)': what answers there doesn't speak HTTP/1.1; is it rolekeeper's socket?"
    }
  }
}
