/// Takes one request's body piece by piece and answers; only on its connection's thread.
///
/// It is released when the request has ended, also if its connection ended before its body.
protocol RequestSink: AnyObject {
  /// The answer for a client that waits for permission to send its body; nil to have it sent.
  func earlyReply() -> Reply?
  /// Takes the next piece, which is valid only during the call.
  func take(_ bytes: UnsafeRawBufferPointer) -> BodyStep
  /// The answer; called once, after the body's last piece.
  func reply() -> Reply
}

/// How to go on after a piece of a body.
enum BodyStep {
  case next
  /// Read no more for this time; other connections don't wait.
  case pause(milliseconds: Int)
  /// End the connection without an answer.
  case close
}

/// Keeps a body, up to a limit, for an answer that is made of the whole request.
final class BufferedRequest: RequestSink {
  private var request: Request
  private let limit: Int
  private let handle: @Sendable (Request) -> Reply
  private var isTooLarge = false

  init(_ request: Request, limit: Int, handle: @escaping @Sendable (Request) -> Reply) {
    self.request = request
    self.limit = limit
    self.handle = handle
  }

  func earlyReply() -> Reply? { nil }

  func take(_ bytes: UnsafeRawBufferPointer) -> BodyStep {
    isTooLarge = isTooLarge || request.body.count + bytes.count > limit
    if !isTooLarge { request.body += bytes }
    return .next
  }

  func reply() -> Reply {
    guard isTooLarge else { return handle(request) }
    return Reply(answer: Answer(status: 413, headers: [], body: []), manner: .whole, delayMilliseconds: 0)
  }
}
