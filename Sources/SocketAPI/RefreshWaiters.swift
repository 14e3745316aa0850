import Core
import HTTPServer
import Systemd

/// Requests that wait for the outcome of a refresh, each until its deadline.
final class RefreshWaiters {
  struct Waiter {
    let token: ResponseToken
    /// The first outcome after this time is the awaited one.
    let since: Timestamp
    let deadline: Timestamp
    /// The session of the pool that was the latest one then; nil if there was none.
    var latest: SessionID?
  }

  private let scheduler: any Scheduler
  /// Called with a waiter whose deadline has passed.
  private let timedOut: (Waiter, RoleName) -> Void
  private var byRole: [RoleName: [Waiter]] = [:]
  private var timer: (any Alarm)!

  init(scheduler: any Scheduler, timedOut: @escaping (Waiter, RoleName) -> Void) throws {
    self.scheduler = scheduler
    self.timedOut = timedOut
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in expire() }
  }

  func add(_ waiter: Waiter, for role: RoleName) {
    byRole[role, default: []].append(waiter)
    arm(for: waiter.deadline)
  }

  /// Removes and returns those that wait for `role` since `latest` or earlier.
  func take(_ role: RoleName, since latest: Timestamp) -> [Waiter] {
    guard let waiters = byRole.removeValue(forKey: role) else { return [] }
    let kept = waiters.filter { $0.since > latest }
    if !kept.isEmpty { byRole[role] = kept }
    return waiters.filter { $0.since <= latest }
  }

  /// Removes one that has left; the refresh goes on.
  func forget(_ token: ResponseToken) {
    if byRole.isEmpty { return }
    for role in Array(byRole.keys) {
      byRole[role]?.removeAll { $0.token == token }
      if byRole[role]?.isEmpty == true { byRole[role] = nil }
    }
  }

  /// Removes and returns all of them.
  func takeAll() -> [Waiter] {
    defer { forgetAll() }
    return byRole.values.flatMap(\.self)
  }

  func forgetAll() {
    byRole = [:]
    timer.disarm()
  }

  private func expire() {
    let now = scheduler.time
    for (role, waiters) in byRole {
      let kept = waiters.filter { $0.deadline > now }
      byRole[role] = kept.isEmpty ? nil : kept
      for waiter in kept { arm(for: waiter.deadline) }
      for waiter in waiters where waiter.deadline <= now { timedOut(waiter, role) }
    }
  }

  private func arm(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }
}
