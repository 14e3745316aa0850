import Core
import HTTPServer
import Systemd

/// Makes an answer that takes the longer the more roles there are, bit by bit.
protocol AnswerMaker: AnyObject {
  /// Makes the next bit, some ten microseconds of work; the whole when that was the last.
  func step() -> Response?
}

/// Makes long answers in slices, between which the loop serves others. Whoever asks for one that is being made gets that; one is made
/// after the other, so that the memory has one at a time.
final class LongAnswers {
  enum Subject: Hashable {
    case metrics, status, health
    /// Of the roles that a peer with these rights may read.
    case list(Rights)

    /// Whether everybody may ask, and as often as he likes.
    fileprivate var isForEverybody: Bool {
      switch self {
      case .metrics, .status: false
      case .health, .list: true
      }
    }
  }

  /// What decides which roles a peer may read, whatever process of a user's it is.
  struct Rights: Hashable {
    private let uid: UInt32
    private let gid: UInt32
    private let groups: [UInt32]

    init(_ peer: Peer) { (uid, gid, groups) = (peer.uid, peer.gid, peer.groups) }
  }

  /// Who asked, and the answer in its place once it may not be given it any more; nil while it may.
  private struct Asker {
    let token: ResponseToken
    let refusal: () -> Response?
  }

  private struct Job {
    let subject: Subject
    let begin: () -> any AnswerMaker
    var askers: [Asker]
    /// What has been made of it, since when; nil before its turn.
    var answer: (any AnswerMaker)?
    var start = Timestamp(microseconds: 0)
  }

  private let scheduler: any Scheduler
  private let complete: (ResponseToken, Response) -> Void
  private let kept: KeptAnswers
  /// The first is being made.
  private var jobs: [Job] = []
  private var turn: (any Deferral)!

  /// `complete` answers a request by its token.
  init(scheduler: any Scheduler, complete: @escaping (ResponseToken, Response) -> Void) throws {
    self.scheduler = scheduler
    self.complete = complete
    kept = try KeptAnswers(scheduler: scheduler)
    turn = scheduler.deferred { [unowned self] in goOn() }
  }

  /// The answer, where it is there or made in one slice; nil where `token` is answered later. `begin` is called when its turn comes, and
  /// again when all answers have to begin again; `refusal` gives what is answered instead if the right to it has gone by then.
  func answer(
    _ subject: Subject, to token: ResponseToken, orElse refusal: @escaping () -> Response? = { nil },
    begin: @escaping () -> any AnswerMaker
  ) -> Response? {
    if let response = kept.response(subject) { return response }
    let asker = Asker(token: token, refusal: refusal)
    if let place = jobs.firstIndex(where: { $0.subject == subject }) {
      jobs[place].askers.append(asker)
      return nil
    }
    jobs.append(Job(subject: subject, begin: begin, askers: [asker]))
    // Those before it have scheduled the next turn.
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

  /// What answers say, or who may see it, has changed: nothing that was made before is given any more, and who may not see it now is
  /// refused.
  func beginAgain() {
    kept.dropAll()
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
    // Only now: whoever is answered may ask again at once.
    for (token, response) in refused { complete(token, response) }
  }

  private func goOn() {
    guard !jobs.isEmpty else { return }
    if let response = makeSlice() {
      for token in finishFirst(response) { complete(token, response) }
    }
    if !jobs.isEmpty { turn.schedule() }
  }

  /// Works on the first job; its answer when that is whole.
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

  /// Returns who asked for it.
  private func finishFirst(_ response: Response) -> [ResponseToken] {
    let job = jobs.removeFirst()
    if job.subject.isForEverybody { kept.keep(response, of: job.subject, since: job.start) }
    return job.askers.map(\.token)
  }
}
