/// Counts of the server's events since it started.
package struct ServerStatistics: Sendable {
  /// Connections open now, without refused ones.
  package internal(set) var open = 0
  package internal(set) var accepted: UInt64 = 0
  /// Heads parsed and passed to the handler.
  package internal(set) var requests: UInt64 = 0
  /// Clients that left before their deferred answer, or left a stream.
  package internal(set) var abandoned: UInt64 = 0
  /// How often accepting paused because descriptors or memory had run out.
  package internal(set) var acceptPauses: UInt64 = 0

  package enum Refusal: String, CaseIterable, Sendable {
    /// The peer's uid has the maximum number of connections.
    case userConnections = "user_connections"
    /// All connections are taken.
    case connections
    case malformed
    case tooLarge = "too_large"
    /// The head didn't arrive in time.
    case slowRequest = "slow_request"
    /// The answer wasn't read in time.
    case slowReader = "slow_reader"
    /// A stream's reader fell too far behind.
    case laggingStream = "lagging_stream"
  }

  private var counts = [UInt64](repeating: 0, count: Refusal.allCases.count)

  init() {}

  package func refused(_ reason: Refusal) -> UInt64 { counts[index(reason)] }

  mutating func count(_ reason: Refusal) { counts[index(reason)] += 1 }

  private func index(_ reason: Refusal) -> Int { Refusal.allCases.firstIndex(of: reason)! }
}
