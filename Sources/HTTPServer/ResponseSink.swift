package import LocalSockets

/// Takes the answers that `RequestHandler.respond` deferred: the server, or a test's substitute. Immediate answers don't go through
/// it.
package protocol ResponseSink: AnyObject {
  /// Answers a request. Without effect if the client is gone or has its answer.
  func complete(_ token: ResponseToken, _ response: Response)

  /// Passes `note` to the handler with each further request of this connection that is the same byte for byte, until a different
  /// one comes. To be called from within `respond`.
  func note(_ note: Int, for token: ResponseToken)

  /// The process that opened the request's connection, looked up once for each connection: it takes some 20 µs. Nil if the client is gone, or it
  /// can't be found out; then it is looked up once for each request, and for a stream once.
  func process(of token: ResponseToken) -> PeerProcess?

  /// Begins an answer of unknown length: `head` is as in a Response, without a Content-Length. False if the client is gone.
  func beginStream(_ token: ResponseToken, head: any ResponseBytes) -> Bool

  /// Sends more of a stream. False if the client is gone or too far behind; `abandoned` isn't called for that.
  func send(_ token: ResponseToken, _ bytes: any ResponseBytes) -> Bool

  /// Ends a stream after all of it has been sent, and closes the connection; `abandoned` isn't called for that.
  func finish(_ token: ResponseToken)

  /// How many bytes of a stream its reader is behind, beyond what the kernel holds; 0 if the client is gone.
  func backlog(of token: ResponseToken) -> Int
}

extension HTTPServer: ResponseSink {}
