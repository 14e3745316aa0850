import Core
import Glibc
import LocalSockets
import Systemd
import TestSupport

@testable import HTTPServer

/// A server with a handler that a test controls, and a record of all requests.
final class Harness {
  let loop: EventLoop
  let directory: TemporaryDirectory
  let handler = Handler()
  private(set) var server: HTTPServer!

  var path: String { directory.path("s") }

  final class Handler: RequestHandler {
    var requests: [String] = []
    var peers: [Peer] = []
    var deferred: [ResponseToken] = []
    var abandonedTokens: [ResponseToken] = []
    var privilegedUIDs: Set<UInt32> = []
    var refusals: [(uid: UInt32, reason: ServerStatistics.Refusal)] = []
    var acceptFlood: [UInt32] = []
    /// Answers requests whose path isn't one of those below.
    var answer = Harness.response("hello")
    var onRequest: ((ResponseToken) -> Response?)?
    /// The handler's note for each request, and the notes that came with repeated ones.
    var note: Int?
    var notes: [Int?] = []
    unowned var server: HTTPServer!

    func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response? {
      requests.append(request.segment(0))
      peers.append(peer)
      notes.append(request.note)
      if let note { server.note(note, for: token) }
      if let onRequest {
        let response = onRequest(token)
        // Whatever the callback did, the request is still whole.
        precondition(request.segment(0) == requests.last)
        return response
      }
      if request.path(is: "/later") {
        deferred.append(token)
        return nil
      }
      return answer
    }

    func abandoned(_ token: ResponseToken) { abandonedTokens.append(token) }
    func isPrivileged(_ peer: Peer) -> Bool { privilegedUIDs.contains(peer.uid) }
    func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal) { refusals.append((peer.uid, reason)) }
    func acceptFlood(by uid: UInt32, _ pid: Int32) { acceptFlood.append(uid) }
  }

  init(_ limits: ServerLimits = ServerLimits()) throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
    let listener = try UnixListener(path: directory.path("s"), mode: 0o600)
    server = try HTTPServer(loop, listener: listener, limits: limits, handler: handler)
    handler.server = server
  }

  static func response(_ body: String) -> Response {
    let body = PlainBytes(body)
    var count = 0
    body.withBytes { count = $0.count }
    return Response(head: PlainBytes("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"), body: body)
  }

  func connect() throws -> Client { try Client(path) }

  /// Turns until there is nothing left to do.
  func settle() throws {
    while try loop.runOnce() {}
  }

  /// Turns, waiting for deadlines, until `condition` holds; the test run's own time limit ends one that never does.
  func turn(until condition: () -> Bool) throws {
    while !condition() { try loop.runOnce(timeout: .seconds(1)) }
  }

  /// Sends `text` and returns all that comes back.
  func exchange(_ text: String, on client: Client) throws -> String {
    client.send(text)
    try settle()
    return client.receive()
  }
}

/// The client's end of a connection, which never blocks.
final class Client {
  private(set) var descriptor: CInt

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let result = try UnixAddress(path: path).connect(descriptor)
    let code = errno
    if result != 0 { throw LoopError(attempt: "connect to \(path)", errno: code) }
  }

  /// Returns how many bytes the socket took; -1 if the other end is closed.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int { Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) }

  @discardableResult
  func send(_ text: String) -> Int { send(Array(text.utf8)) }

  /// All bytes that can be read now, at most `limit`.
  func receive(atMost limit: Int = .max) -> String {
    String(decoding: receiveBytes(atMost: limit), as: UTF8.self)
  }

  func receiveBytes(atMost limit: Int = .max) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while all.count < limit, case let count = recv(descriptor, &buffer, min(buffer.count, limit - all.count), 0),
      count > 0
    {
      all += buffer[..<count]
    }
    return all
  }

  /// Whether the server has closed and there is nothing left to read.
  var isAtEnd: Bool {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, CInt(MSG_PEEK))
    return count == 0 || count < 0 && errno != EAGAIN
  }

  /// The same, after up to ten seconds: a child that another test has just started has the server's end, too, until it runs its program.
  var hasEnded: Bool { isAtEnd || SocketEnd.waitToRead(descriptor) && isAtEnd }

  /// Whether there is nothing to read yet.
  var isSilent: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, CInt(MSG_PEEK)) < 0 && errno == EAGAIN
  }

  func stopSending() { shutdown(descriptor, CInt(SHUT_WR)) }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  deinit { close() }
}
