import Core
import HTTPServer
import Systemd

/// Requests that wait for a session to arrive, each until its deadline.
final class WaitingReaders {
  struct Reader {
    let recipient: Recipient
    let query: ReaderQuery
    /// When it is checked again without an event, at the latest at its deadline.
    var lookAgain: Timestamp

    var token: ResponseToken { recipient.token }

    func looking(_ instant: Timestamp) -> Reader {
      var reader = self
      reader.lookAgain = instant
      return reader
    }
  }

  private let scheduler: any Scheduler
  /// Called with a reader whose time has come; true if it is done.
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

  /// Removes those readers of `role` for which `answers` returns that they are done.
  func answer(_ role: RoleName, where answers: (inout Reader) -> Bool) {
    // Removed first: answering may let the client's next request in.
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

  /// Removes a reader that has left; the fetch that it waited for goes on for the others.
  func forget(_ token: ResponseToken) {
    guard let role = roleOf.removeValue(forKey: token) else { return }
    byRole[role]?.removeAll { $0.token == token }
    if byRole[role]?.isEmpty == true { byRole[role] = nil }
  }

  /// Removes and returns all of them.
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
