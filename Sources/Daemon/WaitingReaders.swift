import Core
import EventLoop
import HTTPServer

/// Requests that wait for a session to come, each with the time it is willing to wait.
final class WaitingReaders {
  struct Reader {
    let token: ResponseToken
    let recipient: Recipient
    /// The least remaining life asked for; nil for a plain read.
    let minTTL: Duration?
    let deadline: Timestamp
  }

  /// Called with a reader whose time is over.
  private let timedOut: (Reader, RoleName) -> Void
  private var byRole: [RoleName: [Reader]] = [:]
  private var roleOf: [ResponseToken: RoleName] = [:]
  private var timer: TimerSource!

  init(loop: EventLoop, timedOut: @escaping (Reader, RoleName) -> Void) throws {
    self.timedOut = timedOut
    timer = try TimerSource(loop, accuracy: 10_000) { [unowned self] in expire() }
  }

  func add(_ reader: Reader, for role: RoleName) {
    byRole[role, default: []].append(reader)
    roleOf[reader.token] = role
    armTimer(for: reader.deadline)
  }

  /// Takes out those readers of `role` that `answers` says are done with.
  func answer(_ role: RoleName, where answers: (Reader) -> Bool) {
    // Taken out first: an answer may let the next request of its client in.
    guard let readers = byRole.removeValue(forKey: role) else { return }
    let kept = readers.filter { !answers($0) }
    for reader in readers { roleOf[reader.token] = nil }
    for reader in kept { roleOf[reader.token] = role }
    if !kept.isEmpty { byRole[role, default: []] += kept }
  }

  /// Forgets a reader that has left; the draw it waited for goes on for the others.
  func forget(_ token: ResponseToken) {
    guard let role = roleOf.removeValue(forKey: token) else { return }
    byRole[role]?.removeAll { $0.token == token }
    if byRole[role]?.isEmpty == true { byRole[role] = nil }
  }

  func forgetAll() {
    byRole = [:]
    roleOf = [:]
    timer.disarm()
  }

  private func expire() {
    let now = Timestamp(microseconds: EventLoop.bootTime())
    for role in Array(byRole.keys) {
      answer(role) { reader in
        guard reader.deadline <= now else { return false }
        timedOut(reader, role)
        return true
      }
    }
    for readers in byRole.values { for reader in readers { armTimer(for: reader.deadline) } }
  }

  private func armTimer(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }
}
