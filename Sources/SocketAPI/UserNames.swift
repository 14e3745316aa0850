import Core
import Settings
import Systemd

/// Names of users for log lines, found without ever holding up the loop.
///
/// The host's own users and systemd's dynamic ones are read from local files at once. For all others the host's name services are
/// asked (nsswitch.conf(5)) on a separate thread, for one user at a time: a directory that is down may take minutes to answer. A
/// log line waits 2 s for that at most, and then goes without the name.
final class UserNames {
  struct Sources: Sendable {
    /// Answers quickly.
    var local: @Sendable (UInt32) -> String?
    /// May take minutes; called on another thread. Nil for a user whom the name services don't know; throws if they can't be asked.
    var remote: @Sendable (UInt32) throws -> String?

    static let host = Sources(
      local: { LocalUsers().name(of: $0) },
      remote: { try SystemHost().user(uid: $0)?.name })
  }

  enum Outcome: Equatable {
    case named(String)
    /// There is no such user.
    case unknown
    /// The name services couldn't be asked, or haven't answered in time: the user may have a name.
    case failed

    var name: String? { if case .named(let name) = self { name } else { nil } }
  }

  private struct Answer {
    let outcome: Outcome
    /// CLOCK_BOOTTIME in µs.
    let end: Int64
  }

  private struct Waiting {
    let uid: UInt32
    let deadline: Int64
    let body: (Outcome) -> Void
  }

  /// In µs: users are rarely renamed, but created more often.
  private static let lifetime: (known: Int64, unknown: Int64, failed: Int64) = (600_000_000, 60_000_000, 5_000_000)
  private static let mostAnswers = 1024
  private static let mostWaiting = 256

  private let scheduler: any Scheduler
  private let sources: Sources
  /// In µs.
  private let longestWait: Int64
  private var answers: [UInt32: Answer] = [:]
  /// The users that the host's own files don't name, and for how long those aren't read again for them: CLOCK_BOOTTIME in µs.
  private var notLocal: [UInt32: Int64] = [:]
  private var waiting: [Waiting] = []
  private var lookUp: AnyObject?
  private var timer: (any Alarm)!

  init(scheduler: any Scheduler, sources: Sources = .host, longestWait: Duration = .seconds(2)) throws {
    self.scheduler = scheduler
    self.sources = sources
    self.longestWait = Int64(longestWait / .microseconds(1))
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in expire() }
  }

  /// Calls `body` once with the user's name, nil if there is none or it isn't found in time: at once or in a later turn.
  func name(of uid: UInt32, _ body: @escaping (String?) -> Void) { find(uid) { body($0.name) } }

  /// The same for those to whom it matters why there is no name.
  func find(_ uid: UInt32, _ body: @escaping (Outcome) -> Void) {
    let now = scheduler.time.microseconds
    if let answer = answers[uid], now < answer.end { return body(answer.outcome) }
    if let name = local(uid, at: now) { return body(.named(name)) }
    // More than that are probably users of a name service that is down.
    if waiting.count >= Self.mostWaiting { return body(.failed) }
    waiting.append(Waiting(uid: uid, deadline: now + longestWait, body: body))
    if !timer.isArmed { timer.arm(at: now + longestWait) }
    askNext()
  }

  /// The user's name, if it is cached or in the host's own files.
  func known(_ uid: UInt32) -> String? {
    let now = scheduler.time.microseconds
    if let answer = answers[uid], now < answer.end { return answer.outcome.name }
    return local(uid, at: now)
  }

  /// Writes all waiting lines without a name, since the daemon ends.
  func flush() {
    let all = waiting
    waiting = []
    timer.disarm()
    for one in all { one.body(.failed) }
  }

  /// The user's name from the host's own files. A user whom they don't name can be refused with each request: they aren't read each time.
  private func local(_ uid: UInt32, at now: Int64) -> String? {
    if let end = notLocal[uid], now < end { return nil }
    let name = sources.local(uid)
    if let name {
      remember(.named(name), of: uid, at: now)
    } else {
      if notLocal.count >= Self.mostAnswers { notLocal = [:] }
      notLocal[uid] = now + Self.lifetime.unknown
    }
    return name
  }

  private func askNext() {
    guard lookUp == nil, let uid = waiting.first?.uid else { return }
    let remote = sources.remote
    do {
      lookUp = try scheduler.call({ () -> Outcome in
        do { return try remote(uid).map { Outcome.named($0) } ?? .unknown } catch { return .failed }
      }) { [unowned self] in found($0, of: uid) }
    } catch {
      // Without a free thread or descriptor the lines go without names.
      flush()
    }
  }

  private func found(_ outcome: Outcome, of uid: UInt32) {
    lookUp = nil
    remember(outcome, of: uid, at: scheduler.time.microseconds)
    let done = waiting.filter { $0.uid == uid }
    waiting.removeAll { $0.uid == uid }
    for one in done { one.body(outcome) }
    askNext()
  }

  private func remember(_ outcome: Outcome, of uid: UInt32, at now: Int64) {
    if answers.count >= Self.mostAnswers { answers = [:] }
    let lifetime =
      switch outcome {
      case .named: Self.lifetime.known
      case .unknown: Self.lifetime.unknown
      case .failed: Self.lifetime.failed
      }
    answers[uid] = Answer(outcome: outcome, end: now + lifetime)
  }

  private func expire() {
    let now = scheduler.time.microseconds
    let late = waiting.prefix { $0.deadline <= now }
    waiting.removeFirst(late.count)
    if let next = waiting.first { timer.arm(at: next.deadline) }
    for one in late { one.body(.failed) }
  }
}
