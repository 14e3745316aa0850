import Core
import HTTPServer
import Systemd

/// Caches, for 200 ms, answers that take longer the more roles there are, so that repeated requests neither use up the processor
/// nor fill the memory with copies. After that they are released, whether anybody asks again or not.
final class AnswerCache {
  private struct Kept {
    let response: Response
    /// CLOCK_BOOTTIME in µs.
    let end: Int64
  }

  private static let most = 64

  /// In µs; so short that times given in seconds are hardly older than they look.
  private let lifetime: Int64
  private let scheduler: any Scheduler
  private var answers: [LongAnswers.Subject: Kept] = [:]
  private var timer: (any Alarm)!

  /// How many answers are in memory.
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

  /// Caches an answer that was begun at `start`, unless that was too long ago.
  func store(_ response: Response, of subject: LongAnswers.Subject, since start: Timestamp) {
    let end = start.microseconds + lifetime
    guard end > scheduler.time.microseconds else { return }
    if answers.count >= Self.most { answers = [:] }
    answers[subject] = Kept(response: response, end: end)
    if !timer.isArmed { timer.arm(at: end) }
  }

  /// Clears the cache: the answers' content, or who may see it, has changed.
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
