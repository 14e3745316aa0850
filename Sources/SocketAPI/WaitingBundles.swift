import Core
import Fleet
import HTTPServer
import Refresh
import Systemd

/// Hosts that wait for a session of their bundle to be lost and replaced, each until its deadline.
///
/// A rotation alone ends no wait: all hosts would ask at once. Many may wait for the same bundle, so they are answered some at a time.
final class WaitingBundles {
  struct Waiter {
    let host: RemoteHost
    let peer: Peer
    let token: ResponseToken
    /// The tag of the bundle that the host has; nil if it has none.
    let tag: String?
  }

  /// The hosts that wait with the same bundle.
  private final class Group {
    let bundle: HostBundle
    var waiters: [ResponseToken: Waiter] = [:]
    /// The sessions of the bundle that are dead or missing, by their keys: the next session of one of these is news.
    var lost: Set<SessionKey>
    /// Those of them that are being fetched for the first time: the wait goes on until each has had an outcome.
    var pending: Set<SessionKey>

    init(_ bundle: HostBundle) {
      self.bundle = bundle
      lost = Set(bundle.missing)
      pending = Set(bundle.pending)
    }
  }

  /// Deadlines are rounded up to these, so that they needn't be kept in order.
  private static let tick: Int64 = 250_000
  private static let answersPerTurn = 64

  private let scheduler: any Scheduler
  private let answer: (Waiter) -> Void
  private var groups: [ObjectIdentifier: Group] = [:]
  private var groupOf: [ResponseToken: Group] = [:]
  private var ticks: [Int64: [ResponseToken]] = [:]
  private var timer: (any Alarm)!
  /// Those whose wait is over.
  private var due: [Waiter] = []
  private var turn: (any Deferral)!

  var count: Int { groupOf.count + due.count }

  /// `answer` is called once for each host whose wait is over.
  init(scheduler: any Scheduler, answer: @escaping (Waiter) -> Void) throws {
    self.scheduler = scheduler
    self.answer = answer
    timer = try scheduler.timer(accuracy: 50_000) { [unowned self] in endTicks() }
    turn = scheduler.deferred { [unowned self] in answerSome() }
  }

  func add(_ waiter: Waiter, with bundle: HostBundle, until deadline: Timestamp) {
    let group = groups[ObjectIdentifier(bundle)] ?? Group(bundle)
    groups[ObjectIdentifier(bundle)] = group
    group.waiters[waiter.token] = waiter
    groupOf[waiter.token] = group
    let tick = (deadline.microseconds + Self.tick - 1) / Self.tick
    ticks[tick, default: []].append(waiter.token)
    if timer.deadline.map({ tick * Self.tick < $0 }) ?? true { timer.arm(at: tick * Self.tick) }
  }

  /// Nil if it doesn't wait.
  @discardableResult
  func forget(_ token: ResponseToken) -> Waiter? {
    guard let group = groupOf.removeValue(forKey: token) else {
      return due.firstIndex { $0.token == token }.map { due.remove(at: $0) }
    }
    defer { if group.waiters.isEmpty { groups[ObjectIdentifier(group.bundle)] = nil } }
    return group.waiters.removeValue(forKey: token)
  }

  /// Ends all waits.
  func endAll() { for group in groups.values { end(group) } }

  /// Those that wait, who wait no longer.
  func takeAll() -> [Waiter] {
    defer {
      (groups, groupOf, ticks, due) = ([:], [:], [:], [])
      timer.disarm()
    }
    return groups.values.flatMap(\.waiters.values) + due
  }

  // MARK: - What becomes of sessions

  /// Readers get another session of this key.
  func published(_ key: SessionKey) {
    for group in groups.values where group.lost.contains(key) {
      group.pending.remove(key)
      if group.pending.isEmpty { end(group) }
    }
  }

  /// An attempt for a session of this key had an outcome, good or bad.
  func attempted(_ key: SessionKey) {
    for group in groups.values where group.pending.remove(key) != nil && group.pending.isEmpty { end(group) }
  }

  /// STS no longer accepts a session; `isReplaced` is whether readers get another one already.
  func condemned(_ accessKeyID: String, of key: SessionKey, isReplaced: Bool) {
    for group in groups.values where group.bundle.record.holds(accessKeyID) {
      group.lost.insert(key)
      if isReplaced { end(group) }
    }
  }

  /// Readers get no session of this key any more.
  func lost(_ key: SessionKey) {
    for group in groups.values where group.bundle.keys.contains(key) { group.lost.insert(key) }
  }

  // MARK: - Ends of waits

  private func end(_ group: Group) {
    groups[ObjectIdentifier(group.bundle)] = nil
    for token in group.waiters.keys { groupOf[token] = nil }
    due += group.waiters.values
    turn.schedule()
  }

  private func endTicks() {
    let now = scheduler.time.microseconds
    for tick in ticks.keys.filter({ $0 * Self.tick <= now }).sorted() {
      for token in ticks.removeValue(forKey: tick) ?? [] {
        if groupOf[token] != nil, let waiter = forget(token) { due.append(waiter) }
      }
    }
    if !due.isEmpty { turn.schedule() }
    if let next = ticks.keys.min() { timer.arm(at: next * Self.tick) }
  }

  private func answerSome() {
    // From the end, which moves none of the others.
    let batch = Array(due.suffix(Self.answersPerTurn))
    due.removeLast(batch.count)
    if !due.isEmpty { turn.schedule() }
    for waiter in batch { answer(waiter) }
  }
}
