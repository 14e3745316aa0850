import Core
import Glibc
import LocalSockets
import Secrets
import Systemd
import TestNeeds
import TestSupport
import Testing

@testable import CredentialServer

/// The real socket, with a client that connects as systemd does.
@Suite struct UnitListenerTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let responder = RecordingResponder()
  private let server: UnitServer
  private let listener: UnitListener

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    let refusals = try UnitRefusalLog(scheduler: loop, log: LogRecorder().log)
    server = try UnitServer(
      scheduler: loop, responder: responder, records: FakeRecords(), refusals: refusals, most: 4)
    listener = try UnitListener(
      loop, UnixListener(path: directory.path("credentials.sock"), mode: 0o600), server: server)
    server.roomMade = { [listener] in listener.resume() }
  }

  /// Turns the loop until the condition is true; a turn without anything to do fails the test.
  private func turn(until holds: () -> Bool) throws {
    while !holds() { try #require(try loop.runOnce(timeout: .seconds(20))) }
  }

  /// systemd sends nothing and is done at once; `isDone` false keeps its direction open.
  private func client(_ id: String = "uploader", isDone: Bool = true) throws -> Client {
    try Client("58860a1684a942/unit/app.service/\(id)", to: listener.listener.path, isDone: isDone)
  }

  @Test(.needs(.root)) func `systemd's request is answered with the credential and nothing else`()
    throws
  {
    let client = try client("uploader.env")
    try turn { responder.requests.count == 1 }
    let request = responder.requests[0]
    #expect(request.unit.description == "app.service" && request.credential == "uploader.env")
    server.hand(secret("the credential"), to: request)
    #expect(client.read() == Array("the credential".utf8) && client.isEnded && server.count == 0)
  }

  @Test(.needs(.root)) func `a descriptor that a client sends is closed with its connection`() throws {
    // As before Linux 6.16, whose kernel doesn't refuse them.
    PassedDescriptor.permit(by: listener.listener.descriptor)
    let client = try client(isDone: false)
    let pipe = PassedPipe()
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: client.descriptor) == 0)
    pipe.closeWriteEnd()
    try turn { responder.requests.count == 1 }
    server.hand(secret("the credential"), to: responder.requests[0])
    #expect(client.read() == Array("the credential".utf8) && pipe.hasEnded)
  }

  @Test(.needs(.root)) func `a refusal is more than 1 MiB over a real socket, too`() throws {
    let client = try client()
    try turn { responder.requests.count == 1 }
    server.refuse(responder.requests[0])
    var count = 0
    while !client.isEnded {
      count += client.read().count
      _ = try loop.runOnce()
    }
    #expect(count == UnitServer.refusalSize && count > 1 << 20 && server.count == 0)
  }

  @Test(.needs(.root)) func `a client that closes while it waits is noticed`() throws {
    var client: Client? = try client()
    try turn { responder.requests.count == 1 }
    #expect(responder.abandoned.isEmpty)
    client?.leave()
    client = nil
    try turn { responder.abandoned.count == 1 }
    #expect(server.count == 0)
  }

  @Test(.needs(.root)) func `clients above the limit wait in the queue, and are served when there is room`() throws {
    let clients = try (0..<6).map { try client("role\($0)") }
    try turn { responder.requests.count == 4 }
    // The listener isn't watched any more, so there is nothing to do.
    while try loop.runOnce() {}
    #expect(responder.requests.count == 4 && server.isFull)
    for request in responder.requests { server.hand(secret("x"), to: request) }
    try turn { responder.requests.count == 6 }
    #expect(clients[0].read() == Array("x".utf8) && clients[5].read() == [])
  }

  @Test(.needs(.root)) func `a client without an address is closed at once`() throws {
    let client = try Client(nil, to: listener.listener.path)
    while !client.isEnded {
      _ = try loop.runOnce()
      _ = client.read()
    }
    #expect(responder.requests.isEmpty)
  }
}

private final class RecordingResponder: UnitResponder {
  private(set) var requests: [UnitRequest] = []
  private(set) var abandoned: [UnitRequest] = []
  var waitingCount: Int { requests.count - abandoned.count }

  func requested(_ request: UnitRequest, from answers: any UnitAnswers) { requests.append(request) }
  func abandoned(_ request: UnitRequest) { abandoned.append(request) }
}

/// Connects from an abstract address, and shuts down its own direction, as systemd does.
private final class Client {
  private(set) var descriptor: CInt
  private(set) var isEnded = false

  /// A random number is put before an address, so that tests beside each other don't share it.
  init(_ name: String?, to path: String, isDone: Bool = true) throws {
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if let name {
      let digits = String(UInt32.random(in: 1...UInt32.max), radix: 16)
      let rest = name.drop { $0 != "/" }
      guard UnixAddress(abstract: "\(digits)\(rest)").bind(descriptor) == 0 else {
        throw StreamError(attempt: "bind '\(digits)\(rest)'", number: errno)
      }
    }
    guard try UnixAddress(path: path).connect(descriptor) == 0 else {
      throw StreamError(attempt: "connect to '\(path)'", number: errno)
    }
    if isDone { shutdown(descriptor, CInt(SHUT_WR)) }
  }

  deinit { leave() }

  func leave() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// Reads the bytes that have arrived.
  func read() -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)) }
      if count == 0 { isEnded = true }
      guard count > 0 else { return all }
      all += chunk.prefix(count)
    }
  }
}
