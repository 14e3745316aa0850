package import Core

/// Bytes ready to be sent, shared by reference: rendered once, sent many times, and never changed.
package protocol ResponseBytes: AnyObject {
  var count: Int { get }
  /// Copies all of them to `place`, which has room for `count`; for small answers, which are put together.
  func copyBytes(to place: UnsafeMutableRawPointer)
  func withBytes(_ body: (Span<UInt8>) -> Void)
}

/// Bytes without a secret in them.
package final class PlainBytes: ResponseBytes, Sendable {
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }

  package var count: Int { bytes.count }

  package func copyBytes(to place: UnsafeMutableRawPointer) {
    bytes.withUnsafeBytes { if let base = $0.baseAddress { place.copyMemory(from: base, byteCount: $0.count) } }
  }

  package func withBytes(_ body: (Span<UInt8>) -> Void) {
    bytes.withUnsafeBufferPointer { body($0.span) }
  }
}

package struct Response {
  /// Status line, header lines and the empty line behind them, each ending in CRLF, with a Content-Length that fits
  /// `body`. No Connection header: the server puts its own in front of the empty line when it is going to close.
  package let head: any ResponseBytes
  /// Left out when the request was a HEAD.
  package let body: (any ResponseBytes)?
  /// What comes behind `body` where that is only the first part.
  package let rest: [any ResponseBytes]

  package init(head: any ResponseBytes, body: (any ResponseBytes)? = nil, rest: [any ResponseBytes] = []) {
    self.head = head
    self.body = body
    self.rest = rest
  }
}

/// Names one request that is still to be answered, or one stream. Never used twice; after the answer it names nothing.
package struct ResponseToken: Hashable, Sendable {
  let slot: UInt32
  let serial: UInt64
}

/// What the server asks of the daemon. All calls come from the loop's thread.
package protocol RequestHandler: AnyObject {
  /// Answers a request, or returns nil and has it answered later, under `token`, by `ResponseSink.complete`, or with a stream by
  /// `ResponseSink.beginStream`; either may already happen in here.
  func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response?

  /// The client of a deferred answer or of a stream is gone; `token` names nothing any more.
  func abandoned(_ token: ResponseToken)

  /// Whether `peer` may use the connections kept for root and admins when all others are taken.
  func isPrivileged(_ peer: Peer) -> Bool

  /// The server itself refuses the peer, each time it does. Called in the middle of that: mustn't come back to the server.
  func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal)

  /// Most of those who connect are of this user, and they are more than can be taken in; `pid` is one of them.
  func acceptFlood(by uid: UInt32, _ pid: Int32)
}
