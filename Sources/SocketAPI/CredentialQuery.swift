import Core
import HTTPServer

/// What a reader asks for in the query of a read: `?min_ttl=7200&wait=10`.
struct CredentialQuery {
  static let parameters: [StaticString] = ["min_ttl", "wait"]

  /// The least remaining life; nil when the query doesn't say.
  private(set) var minTTL: Duration?
  /// How long to wait for a session, up to `RequestWait.longest`; nil when the query doesn't say.
  private(set) var wait: Duration?

  init(_ request: borrowing RequestHead) throws(RefusedValue) {
    minTTL = try RefusedValue.seconds("min_ttl", of: request, atMost: 999_999_999).map { .seconds($0) }
    wait = try RefusedValue.seconds("wait", of: request, atMost: Int(RequestWait.longest.wholeSeconds)).map {
      .seconds($0)
    }
  }
}

/// Who gets the answer to a read.
struct Recipient {
  let peer: Peer
  /// Whether the request is a HEAD, which is answered like a GET and hands out nothing.
  let isHeadOnly: Bool
}
