import Core
import HTTPClient
import Secrets
import Systemd
import Testing

@testable import class HTTPClient.HTTPClient
@testable import enum HTTPClient.NameAnswer

/// A client on a loop of its own, which turns until there is an answer.
final class Bench {
  struct Answer {
    let outcome: HTTPOutcome
    let body: String
    var head: HTTPAnswer? { try? outcome.get() }
    var failure: TransportFailure? {
      guard case .failure(let failure) = outcome else { return nil }
      return failure
    }
  }

  final class Request {
    var id: HTTPClient.TransferID?
    var answer: Answer?
  }

  let loop: EventLoop
  let client: HTTPClient

  init(_ settings: HTTPClient.Settings, proxyPassword: Secret? = nil) throws {
    loop = try EventLoop()
    client = try HTTPClient(loop, settings: settings, proxyPassword: proxyPassword)
  }

  /// With another resolver.
  init(_ settings: HTTPClient.Settings, lookUp: @escaping @Sendable (String) -> NameAnswer) throws {
    loop = try EventLoop()
    client = try HTTPClient(loop, settings: settings, proxyPassword: nil, lookUp: lookUp)
  }

  func start(_ url: String, headers: TextLines = []) throws -> Request {
    try start(HTTPRequest(.post, url, headers: headers))
  }

  func start(_ sent: HTTPRequest) throws -> Request {
    let request = Request()
    request.id = try client.send(sent) { outcome, body in
      request.answer = Answer(outcome: outcome, body: Self.text(body))
    }
    return request
  }

  func post(_ url: String, headers: TextLines = []) throws -> Answer {
    try send(HTTPRequest(.post, url, headers: headers))
  }

  func send(_ sent: HTTPRequest) throws -> Answer {
    let request = try start(sent)
    try turn { request.answer != nil }
    return request.answer!
  }

  /// Turns the loop until `isOver`. Every wait ends with a time-out of the client at the latest.
  func turn(until isOver: () -> Bool) throws {
    while !isOver() {
      guard try loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
    }
  }

  /// Fires libcurl's timer too early, as after a suspend, which libcurl's clock didn't count.
  func comeTooEarly() {
    client.multi.timer.disarm()
    client.multi.timeIsUp()
  }

  static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

struct Stuck: Error {}

extension HTTPClient.Settings {
  /// The daemon's default settings.
  static func testing(
    caFile: String, connectTimeout: Duration = .seconds(3), timeout: Duration = .seconds(10)
  ) -> HTTPClient.Settings {
    HTTPClient.Settings(
      caFile: caFile, connectTimeout: connectTimeout, timeout: timeout, lookupTimeout: connectTimeout)
  }
}
