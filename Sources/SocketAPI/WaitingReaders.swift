import Core
import HTTPServer
import Systemd

/// Requests that wait for a session to come, each with the time it is willing to wait.
final class WaitingReaders {
  struct Reader {
    let token: ResponseToken
    let recipient: Recipient
    let query: ReaderQuery
    /// When it is looked at again by itself, at the latest at its deadline.
    var lookAgain: Timestamp

    func looking(_ instant: Timestamp) -> Reader {
      var reader = self
      reader.lookAgain = instant
      return reader
    }
  }

  private let scheduler: any Scheduler
  /// Called with a reader whose instant has come; true when it is done with.
  private let lookAgain: (inout Reader, RoleName) -> Bool
  private var byRole: [RoleName: [Reader]] = [:]
  private var roleOf: [ResponseToken: RoleName] = [:]
  private var timer: (any Alarm)!

  init(scheduler: any Scheduler, lookAgain: @escaping (inout Reader, RoleName) -> Bool) throws {
    self.scheduler = scheduler
    self.lookAgain = lookAgain
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in lookAgainAtDue() }
  }

  func add(_ reader: Reader, for role: RoleName) {
    byRole[role, default: []].append(reader)
    roleOf[reader.token] = role
    armTimer(for: reader.lookAgain)
  }

  /// Takes out those readers of `role` that `answers` says are done with.
  func answer(_ role: RoleName, where answers: (inout Reader) -> Bool) {
    // Taken out first: an answer may let the next request of its client in.
    guard let readers = byRole.removeValue(forKey: role) else { return }
    var kept: [Reader] = []
    for var reader in readers where !answers(&reader) { kept.append(reader) }
    for reader in readers { roleOf[reader.token] = nil }
    for reader in kept {
      roleOf[reader.token] = role
      armTimer(for: reader.lookAgain)
    }
    if !kept.isEmpty { byRole[role, default: []] += kept }
  }

  /// Forgets a reader that has left; the fetch it waited for goes on for the others.
  func forget(_ token: ResponseToken) {
    guard let role = roleOf.removeValue(forKey: token) else { return }
    byRole[role]?.removeAll { $0.token == token }
    if byRole[role]?.isEmpty == true { byRole[role] = nil }
  }

  /// Takes out all of them.
  func takeAll() -> [Reader] {
    defer { forgetAll() }
    return byRole.values.flatMap(\.self)
  }

  func forgetAll() {
    byRole = [:]
    roleOf = [:]
    timer.disarm()
  }

  private func lookAgainAtDue() {
    let now = scheduler.time
    for role in Array(byRole.keys) { answer(role) { $0.lookAgain <= now ? lookAgain(&$0, role) : false } }
  }

  private func armTimer(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }
}
