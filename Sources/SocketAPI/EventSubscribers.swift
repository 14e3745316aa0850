import Core
import HTTPServer
import Refresh
import Wire

/// Readers of `GET /v1/events`: each gets one line for each change of a role that it may read.
final class EventSubscribers {
  private let mayRead: (Peer, ResponseToken, ManagedRole) -> Bool
  /// Sends to a stream; false if its reader is gone.
  private let send: (ResponseToken, PlainBytes) -> Bool
  private var readers: [ResponseToken: Peer] = [:]

  init(
    mayRead: @escaping (Peer, ResponseToken, ManagedRole) -> Bool,
    send: @escaping (ResponseToken, PlainBytes) -> Bool
  ) {
    self.mayRead = mayRead
    self.send = send
  }

  func add(_ token: ResponseToken, _ peer: Peer) { readers[token] = peer }
  func forget(_ token: ResponseToken) { readers[token] = nil }
  func forgetAll() { readers = [:] }

  /// Renders the line once, and only if there are readers.
  func publish(_ role: ManagedRole, _ event: @autoclosure () -> RoleEvent) {
    if readers.isEmpty { return }
    let line = PlainBytes(event().rendered())
    for (token, peer) in readers where mayRead(peer, token, role) {
      if !send(token, line) { readers[token] = nil }
    }
  }
}
