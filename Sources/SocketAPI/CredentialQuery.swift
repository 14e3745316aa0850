import Core
import HTTPServer

/// The query of a read: `?min_ttl=7200&wait=10`.
struct CredentialQuery {
  static let parameters: [StaticString] = ["min_ttl", "wait", "scope"]

  /// The minimum remaining lifetime; nil if the query has none.
  private(set) var minTTL: Duration?
  /// How long to wait for a session, up to `RequestWait.longest`; nil if the query has none.
  private(set) var wait: Duration?

  init(_ request: borrowing RequestHead) throws(RefusedValue) {
    minTTL = try RefusedValue.seconds("min_ttl", of: request, atMost: 999_999_999).map { .seconds($0) }
    wait = try RefusedValue.seconds("wait", of: request, atMost: Int(RequestWait.longest.wholeSeconds)).map {
      .seconds($0)
    }
  }
}

/// The recipient of a read's answer.
struct Recipient {
  let peer: Peer
  let token: ResponseToken
  /// Whether the request is a HEAD, which is answered like a GET and hands out nothing.
  let isHeadOnly: Bool
}
