import Core
import HTTPServer
import Systemd

/// Makes an answer that takes longer the more roles there are, step by step.
protocol AnswerMaker: AnyObject {
  /// Makes the next step, some ten microseconds of work; returns the answer after the last one.
  func step() -> Response?
}

/// Makes long answers in slices, between which the loop serves others. Requests for an answer in progress share it; answers are
/// made one after the other, so that there is only one in memory at a time.
final class LongAnswers {
  enum Subject: Hashable {
    case metrics, status, health
    /// The list of the roles that a peer with these rights may read.
    case list(Rights)

    /// Whether everybody may ask, as often as they like.
    fileprivate var isForEverybody: Bool {
      switch self {
      case .metrics, .status: false
      case .health, .list: true
      }
    }
  }

  /// The properties that decide which roles a peer may read, the same for all processes of a user in a unit.
  struct Rights: Hashable {
    private let uid: UInt32
    private let gid: UInt32
    private let groups: [UInt32]
    /// nil where no role names units.
    private let unit: UnitName?

    init(_ peer: Peer, of unit: UnitName? = nil) {
      (uid, gid, groups, self.unit) = (peer.uid, peer.gid, peer.groups, unit)
    }
  }

  /// A client that asked, and the answer that it gets instead if its right has been revoked; nil while it may.
  private struct Asker {
    let token: ResponseToken
    let refusal: () -> Response?
  }

  private struct Job {
    let subject: Subject
    let begin: () -> any AnswerMaker
    var askers: [Asker]
    /// The answer in progress, and since when; nil before its turn.
    var answer: (any AnswerMaker)?
    var start = Timestamp(microseconds: 0)
  }

  private let scheduler: any Scheduler
  private let complete: (ResponseToken, Response) -> Void
  private let cache: AnswerCache
  /// The first one is in progress.
  private var jobs: [Job] = []
  private var turn: (any Deferral)!

  /// `complete` answers a request by its token.
  init(scheduler: any Scheduler, complete: @escaping (ResponseToken, Response) -> Void) throws {
    self.scheduler = scheduler
    self.complete = complete
    cache = try AnswerCache(scheduler: scheduler)
    turn = scheduler.deferred { [unowned self] in goOn() }
  }

  /// The answer, if it is cached or made in one slice; nil if `token` is answered later. `begin` is called when the answer's turn
  /// comes, and again if all answers have to start again; `refusal` returns the answer for a client whose right has been revoked by
  /// then.
  func answer(
    _ subject: Subject, to token: ResponseToken, orElse refusal: @escaping () -> Response? = { nil },
    begin: @escaping () -> any AnswerMaker
  ) -> Response? {
    if let response = cache.response(subject) { return response }
    let asker = Asker(token: token, refusal: refusal)
    if let place = jobs.firstIndex(where: { $0.subject == subject }) {
      jobs[place].askers.append(asker)
      return nil
    }
    jobs.append(Job(subject: subject, begin: begin, askers: [asker]))
    // The jobs before it have scheduled the next turn.
    if jobs.count > 1 { return nil }
    if let response = makeSlice() {
      _ = finishFirst(response)
      return response
    }
    turn.schedule()
    return nil
  }

  /// A client has left.
  func forget(_ token: ResponseToken) {
    if jobs.isEmpty { return }
    for place in jobs.indices { jobs[place].askers.removeAll { $0.token == token } }
    jobs.removeAll { $0.askers.isEmpty }
  }

  /// All clients have left.
  func forgetAll() { jobs = [] }

  /// The content of answers, or who may see it, has changed: answers in progress start again, the cache is cleared, and clients
  /// without the right are refused.
  func beginAgain() {
    cache.dropAll()
    var refused: [(token: ResponseToken, response: Response)] = []
    for place in jobs.indices {
      jobs[place].answer = nil
      jobs[place].askers.removeAll { asker in
        guard let response = asker.refusal() else { return false }
        refused.append((asker.token, response))
        return true
      }
    }
    jobs.removeAll { $0.askers.isEmpty }
    // Only now: an answered client may ask again at once.
    for (token, response) in refused { complete(token, response) }
  }

  private func goOn() {
    guard !jobs.isEmpty else { return }
    if let response = makeSlice() {
      for token in finishFirst(response) { complete(token, response) }
    }
    if !jobs.isEmpty { turn.schedule() }
  }

  /// Works on the first job; returns its answer when that is complete.
  private func makeSlice() -> Response? {
    let now = scheduler.time
    let answer: any AnswerMaker
    if let begun = jobs[0].answer {
      answer = begun
    } else {
      answer = jobs[0].begin()
      (jobs[0].answer, jobs[0].start) = (answer, now)
    }
    repeat {
      if let response = answer.step() { return response }
    } while scheduler.time < now + LoopSlice.length
    return nil
  }

  /// Returns the clients that asked for it.
  private func finishFirst(_ response: Response) -> [ResponseToken] {
    let job = jobs.removeFirst()
    if job.subject.isForEverybody { cache.store(response, of: job.subject, since: job.start) }
    return job.askers.map(\.token)
  }
}
