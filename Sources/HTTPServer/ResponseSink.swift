/// Takes what `RequestHandler.respond` left open: the server, or what a test puts in its place. An answer that is ready at once never
/// comes here.
package protocol ResponseSink: AnyObject {
  /// Answers a request. Without effect when the client is gone or has its answer.
  func complete(_ token: ResponseToken, _ response: Response)

  /// Gives the handler a number with each further request of this connection that is the same byte for byte, until another comes. To be
  /// called from within `respond`.
  func note(_ note: Int, for token: ResponseToken)

  /// Begins an answer without a known end: `head` is as in a Response, without a Content-Length. False when the client is gone.
  func beginStream(_ token: ResponseToken, head: any ResponseBytes) -> Bool

  /// Sends more of a stream. False when the client is gone or too far behind; `abandoned` isn't called for that.
  func send(_ token: ResponseToken, _ bytes: any ResponseBytes) -> Bool
}

extension HTTPServer: ResponseSink {}
