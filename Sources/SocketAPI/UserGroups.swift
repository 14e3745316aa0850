import Core
import Settings
import Systemd

/// The groups that the host's user database has for a user, found without ever holding up the loop.
///
/// For callers of whom only the uid is known. The database may be a directory service that takes minutes to answer, so it is asked on a
/// separate thread, for one user at a time, and a caller waits 2 s for that at most.
final class UserGroups {
  private struct Answer {
    /// Nil if the database couldn't be asked.
    let groups: Set<UInt32>?
    /// CLOCK_BOOTTIME in µs.
    let end: Int64
  }

  private struct Waiting {
    let uid: UInt32
    let deadline: Int64
    let body: (Set<UInt32>?) -> Void
  }

  /// In µs: for so long a user who has left a group may still read the role.
  private static let lifetime: Int64 = 60_000_000
  /// For how long a failure counts.
  private static let failureLifetime: Int64 = 5_000_000
  private static let longestWait: Int64 = 2_000_000
  private static let mostAnswers = 1024
  private static let mostWaiting = 256

  private let scheduler: any Scheduler
  private let source: @Sendable (UInt32) -> Set<UInt32>?
  private var answers: [UInt32: Answer] = [:]
  private var waiting: [Waiting] = []
  private var lookUp: AnyObject?
  private var timer: (any Alarm)!

  /// `source` may take minutes; it is called on another thread. Nil if the database can't be asked.
  init(scheduler: any Scheduler, source: @escaping @Sendable (UInt32) -> Set<UInt32>? = UserGroups.ofHost) throws {
    self.scheduler = scheduler
    self.source = source
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in expire() }
  }

  static let ofHost: @Sendable (UInt32) -> Set<UInt32>? = { uid in
    let host = SystemHost()
    do throws(HostError) {
      // A user whom the database doesn't know is in no group.
      return try host.user(uid: uid).map { host.groups(of: $0) } ?? []
    } catch {
      return nil
    }
  }

  /// Nil if they have to be looked up.
  func known(_ uid: UInt32) -> Set<UInt32>? {
    guard let answer = answers[uid], scheduler.time.microseconds < answer.end else { return nil }
    return answer.groups
  }

  /// Calls `body` once, in a later turn; with nil if the groups aren't found in time, after 2 s or at `limit`. False, without a call, if
  /// the database has just failed for this user, or too many wait for it already.
  func find(_ uid: UInt32, by limit: Timestamp? = nil, _ body: @escaping (Set<UInt32>?) -> Void) -> Bool {
    let now = scheduler.time.microseconds
    if let answer = answers[uid], now < answer.end, answer.groups == nil { return false }
    if waiting.count >= Self.mostWaiting { return false }
    let deadline = min(now + Self.longestWait, limit?.microseconds ?? .max)
    waiting.append(Waiting(uid: uid, deadline: deadline, body: body))
    if timer.deadline.map({ deadline < $0 }) ?? true { timer.arm(at: deadline) }
    askNext()
    return true
  }

  /// The groups of the settings may be others now.
  func forgetAll() { answers = [:] }

  private func askNext() {
    guard lookUp == nil, let uid = waiting.first?.uid else { return }
    let source = source
    do {
      lookUp = try scheduler.call({ source(uid) }) { [unowned self] in found($0, of: uid) }
    } catch {
      // Without a free thread or descriptor there is no answer; those who wait get none when their time is over.
    }
  }

  private func found(_ groups: Set<UInt32>?, of uid: UInt32) {
    lookUp = nil
    let now = scheduler.time.microseconds
    if answers.count >= Self.mostAnswers { answers = answers.filter { now < $0.value.end } }
    if answers.count >= Self.mostAnswers { answers = [:] }
    answers[uid] = Answer(groups: groups, end: now + (groups == nil ? Self.failureLifetime : Self.lifetime))
    let done = waiting.filter { $0.uid == uid }
    waiting.removeAll { $0.uid == uid }
    for one in done { one.body(groups) }
    askNext()
  }

  private func expire() {
    let now = scheduler.time.microseconds
    let late = waiting.filter { $0.deadline <= now }
    waiting.removeAll { $0.deadline <= now }
    if let next = waiting.map(\.deadline).min() { timer.arm(at: next) }
    for one in late { one.body(nil) }
  }
}
