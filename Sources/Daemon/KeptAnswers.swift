import Core
import EventLoop
import HTTPServer

/// Answers that take the longer the more roles there are, kept a moment: so that asking for them over and over neither holds up the
/// loop nor fills the memory with copies.
struct KeptAnswers {
  /// In µs; what is said of seconds is hardly older than it looks.
  private static let lifetime: Int64 = 200_000
  private static let mostLists = 64

  private var lists: [Caller: (response: Response, until: Int64)] = [:]
  private var health: (response: Response, until: Int64)?

  /// The list for whoever has these rights.
  mutating func list(for caller: Caller, render: () -> Response) -> Response {
    let now = EventLoop.bootTime()
    if let kept = lists[caller], now < kept.until { return kept.response }
    if lists.count >= Self.mostLists { lists = [:] }
    let response = render()
    lists[caller] = (response, now + Self.lifetime)
    return response
  }

  mutating func health(render: () -> Response) -> Response {
    let now = EventLoop.bootTime()
    if let health, now < health.until { return health.response }
    let response = render()
    health = (response, now + Self.lifetime)
    return response
  }
}
