package import Core

/// Bytes to be sent, shared by reference: rendered once, sent many times, and never changed.
package protocol ResponseBytes: AnyObject {
  var count: Int { get }
  /// Copies all of them to `place`, which has room for `count`; for small answers, which are sent in one piece.
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
  /// Status line, header lines and the empty line after them, each ending in CRLF, with a Content-Length that fits `body`. No
  /// Connection header: the server inserts its own before the empty line when it is going to close.
  package let head: any ResponseBytes
  /// Left out if the request was a HEAD.
  package let body: (any ResponseBytes)?
  /// Follows `body` if that is only the first part.
  package let rest: [any ResponseBytes]

  package init(head: any ResponseBytes, body: (any ResponseBytes)? = nil, rest: [any ResponseBytes] = []) {
    self.head = head
    self.body = body
    self.rest = rest
  }
}

/// Identifies one request that is still to be answered, or one stream. Never reused; invalid after the answer.
package struct ResponseToken: Hashable, Sendable {
  let slot: UInt32
  let serial: UInt64
}

/// The server's callbacks to the daemon. All calls come from the loop's thread.
package protocol RequestHandler: AnyObject {
  /// Answers a request, or returns nil and answers it later, under `token`, by `ResponseSink.complete`, or with a stream by
  /// `ResponseSink.beginStream`; either may be called from within this method.
  func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response?

  /// The client of a deferred answer or of a stream is gone; `token` is no longer valid.
  func abandoned(_ token: ResponseToken)

  /// Whether `peer` may use the connections that are reserved for root and admins when all others are taken.
  func isPrivileged(_ peer: Peer) -> Bool

  /// The server itself refuses the peer, each time it does. Must not call the server, which is in the middle of the refusal.
  func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal)

  /// Most of the new connections are this user's, and they come faster than they can be accepted; `pid` is one of its processes.
  func acceptFlood(by uid: UInt32, _ pid: Int32)
}
