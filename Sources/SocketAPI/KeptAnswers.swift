import Core
import HTTPServer
import Systemd

/// Answers that take the longer the more roles there are, kept for 200 ms: so that asking for them over and over neither holds up the
/// loop nor fills the memory with copies. After that they are let go of, whether anybody asks again or not.
final class KeptAnswers {
  private struct Kept {
    let response: Response
    /// CLOCK_BOOTTIME in µs.
    let end: Int64
  }

  /// What decides which roles a peer may read, whatever process of a user's it is.
  private struct Rights: Hashable {
    let uid: UInt32
    let gid: UInt32
    let groups: [UInt32]

    init(_ peer: Peer) { (uid, gid, groups) = (peer.uid, peer.gid, peer.groups) }
  }

  private static let mostLists = 64

  /// In µs; what is said of seconds is hardly older than it looks.
  private let lifetime: Int64
  private let scheduler: any Scheduler
  private var lists: [Rights: Kept] = [:]
  private var health: Kept?
  private var timer: (any Alarm)!

  /// How many answers are held in memory.
  var count: Int { lists.count + (health == nil ? 0 : 1) }

  init(scheduler: any Scheduler, lifetime: Duration = .milliseconds(200)) throws {
    self.lifetime = Int64(lifetime / .microseconds(1))
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 50_000) { [unowned self] in dropExpired() }
  }

  /// The list for whoever has the rights of `peer`.
  func list(for peer: Peer, render: () -> Response) -> Response {
    let now = scheduler.time.microseconds
    let rights = Rights(peer)
    if let kept = lists[rights], now < kept.end { return kept.response }
    if lists.count >= Self.mostLists { lists = [:] }
    let response = render()
    lists[rights] = keep(response, since: now)
    return response
  }

  func health(render: () -> Response) -> Response {
    let now = scheduler.time.microseconds
    if let health, now < health.end { return health.response }
    let response = render()
    health = keep(response, since: now)
    return response
  }

  /// Forgets all of them: what they say, or who may see it, has changed.
  func dropAll() {
    lists = [:]
    health = nil
    timer.disarm()
  }

  private func keep(_ response: Response, since start: Int64) -> Kept {
    if !timer.isArmed { timer.arm(at: start + lifetime) }
    return Kept(response: response, end: start + lifetime)
  }

  private func dropExpired() {
    let now = scheduler.time.microseconds
    lists = lists.filter { now < $0.value.end }
    if let kept = health, now >= kept.end { health = nil }
    if let next = (lists.values.map(\.end) + [health?.end].compactMap(\.self)).min() { timer.arm(at: next) }
  }
}
