import HTTPServer

/// What a reader asks for in the query of a read: `?min_ttl=7200&wait=10`.
struct CredentialQuery {
  static let parameters: [StaticString] = ["min_ttl", "wait"]

  /// The least remaining life; nil when the query doesn't say.
  private(set) var minTTL: Duration?
  /// How long to wait for a session, 0 to 60 s; nil when the query doesn't say.
  private(set) var wait: Duration?

  init(_ request: borrowing RequestHead) throws(Malformed) {
    minTTL = try Self.seconds(request, "min_ttl", atMost: 999_999_999)
    wait = try Self.seconds(request, "wait", atMost: 60)
  }

  private static func seconds(
    _ request: borrowing RequestHead, _ name: StaticString, atMost limit: Int
  ) throws(Malformed) -> Duration? {
    switch request.queryNumber(name) {
    case .missing: return nil
    case .value(let seconds) where seconds <= limit: return .seconds(seconds)
    case .value, .malformed:
      throw Malformed(name: "\(name)", value: String((request.query(name) ?? "").prefix(64)), limit: limit)
    }
  }

  struct Malformed: Error, CustomStringConvertible {
    let name: String
    let value: String
    let limit: Int

    var description: String { "'\(name)' is '\(value)'; write whole seconds, 0 to \(limit): ?\(name)=30" }
  }
}

/// Who gets the answer to a read.
struct Recipient {
  let peer: Peer
  /// Whether the request is a HEAD, which is answered like a GET and hands out nothing.
  let isHeadOnly: Bool
}
