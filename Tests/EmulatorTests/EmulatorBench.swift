import Core
import Glibc
import HTTPClient
import Systemd
import TestSupport
import Testing

@testable import Emulator

/// An emulator on free ports, and a client that trusts it.
final class EmulatorBench {
  final class Pending {
    var answer: TLSAnswer?
  }

  struct TLSAnswer {
    let head: HTTPAnswer?
    let failure: TransportFailure?
    let body: PolicyValue?

    var status: Int? { head?.status }
    var code: String { body?.text("Code") ?? "" }
    var key: Key? {
      body?["Credentials"].map {
        Key(id: $0.text("AccessKeyId"), secret: $0.text("AccessKeySecret"), token: $0.text("SecurityToken"))
      }
    }
  }

  let emulator: STSEmulator
  let directory: TemporaryDirectory
  private let loop: EventLoop
  private let client: HTTPClient
  private var lastNonce = 0

  init() throws {
    signal(SIGPIPE, SIG_IGN)
    directory = try TemporaryDirectory()
    let configuration = try directory.write(TestCloud.configuration, to: "cloud.toml")
    var options = STSEmulator.Options()
    options.control = (address: "127.0.0.1", port: 0)
    emulator = try STSEmulator(
      AccountModel(toml: TestCloud.configuration), options: options,
      reload: { try AccountModel(toml: FileText.read(configuration) ?? "") })
    let authority = try directory.write(emulator.authorityPEM, to: "ca.pem")
    loop = try EventLoop()
    client = try HTTPClient(
      loop,
      settings: HTTPClient.Settings(
        caFile: authority, connectTimeout: .seconds(3), timeout: .seconds(10), lookupTimeout: .seconds(3)))
  }

  /// Signs with the emulator's time, or with `time`, sends, and turns the loop until there is an answer.
  func send(
    _ action: String, to role: String? = nil, _ parameters: [String: String] = [:], as key: Key = .keeper,
    port: UInt16? = nil, time: WallTime? = nil
  ) throws -> TLSAnswer {
    let pending = try start(action, to: role, parameters, as: key, port: port, time: time)
    try turn { pending.answer != nil }
    return try #require(pending.answer)
  }

  func start(
    _ action: String, to role: String? = nil, _ parameters: [String: String] = [:], as key: Key = .keeper,
    port: UInt16? = nil, time: WallTime? = nil
  ) throws -> Pending {
    lastNonce += 1
    var draft = Draft(
      action: action, parameters: parameters, nonce: "tls-\(lastNonce)", time: (time ?? emulator.clock.now).isoText)
    draft.host = "127.0.0.1:\(port ?? emulator.port)"
    if VODOperation(rawValue: action) != nil { draft.version = CloudService.vod.rawValue }
    if let role { draft.parameters = ["RoleArn": TestCloud.arn(role), "RoleSessionName": "session"] }
    let request = draft.signed(by: key, shape: .v3Query)
    let pending = Pending()
    let lines = request.headers.filter { $0.name != "host" }.map { "\($0.name): \($0.value)" }
    try client.send(HTTPRequest(.post, "https://\(draft.host)\(request.target)", headers: TextLines(lines))) {
      outcome, body in
      let text = body.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      switch outcome {
      case .success(let head): pending.answer = TLSAnswer(head: head, failure: nil, body: PolicyValue(json: text))
      case .failure(let failure): pending.answer = TLSAnswer(head: nil, failure: failure, body: nil)
      }
    }
    return pending
  }

  func turn(until isOver: () -> Bool) throws {
    while !isOver() {
      guard try loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
    }
  }

  /// The body of the control endpoint's answer, without its line's end.
  func control(_ method: String, _ target: String, body: String = "") throws -> String {
    let answer = try exchange(method, target, body)
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
    return parts.count == 2 ? String(parts[1].last == "\n" ? parts[1].dropLast() : parts[1]) : ""
  }

  func controlStatus(_ method: String, _ target: String, body: String) throws -> Int? {
    Int(try exchange(method, target, body).dropFirst("HTTP/1.1 ".count).prefix(3))
  }

  private func exchange(_ method: String, _ target: String, _ body: String) throws -> String {
    let connection = try PlainConnection(port: try #require(emulator.controlPort))
    let head =
      "\(method) \(target) HTTP/1.1\r\nHost: control\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
      + "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    connection.write(Array((head + body).utf8))
    return connection.readAll()
  }

  struct Stuck: Error {}
}

/// A TCP connection to the loopback.
final class PlainConnection {
  struct Failure: Error {
    let number: CInt
  }

  private let descriptor: CInt

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let outcome = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard outcome == 0 else { throw Failure(number: errno) }
  }

  deinit { close(descriptor) }

  /// Writes as much as the other side accepts before it closes.
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  func readAll() -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }
}
