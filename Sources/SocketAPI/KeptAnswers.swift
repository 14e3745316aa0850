import Core
import HTTPServer
import Systemd

/// Answers that take the longer the more roles there are, kept for 200 ms: so that asking for them over and over neither takes the
/// processor nor fills the memory with copies. After that they are let go of, whether anybody asks again or not.
final class KeptAnswers {
  private struct Kept {
    let response: Response
    /// CLOCK_BOOTTIME in µs.
    let end: Int64
  }

  private static let most = 64

  /// In µs; what is said of seconds is hardly older than it looks.
  private let lifetime: Int64
  private let scheduler: any Scheduler
  private var answers: [LongAnswers.Subject: Kept] = [:]
  private var timer: (any Alarm)!

  /// How many answers are held in memory.
  var count: Int { answers.count }

  init(scheduler: any Scheduler, lifetime: Duration = .milliseconds(200)) throws {
    self.lifetime = lifetime.microseconds
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 50_000) { [unowned self] in dropExpired() }
  }

  func response(_ subject: LongAnswers.Subject) -> Response? {
    guard let kept = answers[subject], scheduler.time.microseconds < kept.end else { return nil }
    return kept.response
  }

  /// Keeps an answer whose making began at `start`, if that wasn't too long ago.
  func keep(_ response: Response, of subject: LongAnswers.Subject, since start: Timestamp) {
    let end = start.microseconds + lifetime
    guard end > scheduler.time.microseconds else { return }
    if answers.count >= Self.most { answers = [:] }
    answers[subject] = Kept(response: response, end: end)
    if !timer.isArmed { timer.arm(at: end) }
  }

  /// Forgets all of them: what they say, or who may see it, has changed.
  func dropAll() {
    answers = [:]
    timer.disarm()
  }

  private func dropExpired() {
    let now = scheduler.time.microseconds
    answers = answers.filter { now < $0.value.end }
    if let next = answers.values.map(\.end).min() { timer.arm(at: next) }
  }
}
