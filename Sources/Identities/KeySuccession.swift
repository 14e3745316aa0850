package import CloudAPI
package import Core

/// Decides which AccessKey of a source signs, and what a new one must pass before it does.
///
/// It has no clock, file or connection: the driver (`AccessKeySource`) passes the time and the outcomes, and performs the effects.
///
/// | current key | a new key is found in the file | the new key's proof (GetCallerIdentity) ends |
/// |---|---|---|
/// | none | it signs at once: AssumeRole is its proof | |
/// | none, and sessions were handed over | it signs at once; its owner is asked for soon, unless an earlier process knew it | |
/// | works | the current key signs while the new one is verified | accepted: the new key signs, and its AssumeRole answers count from then on |
/// | | | the key is refused: it isn't used, and is retried slowly: RAM may not know it yet |
/// | | | anything else, such as no answer from STS: retried with back-off |
/// | refused by AssumeRole | it signs unproven, unless its own proof has shown it to be wrong | as in the first row |
///
/// Of a source that only stands by for a tier the key's owner is asked for soon after the start and then each day, so that a key that was disabled
/// is known before it is needed.
///
/// While a key on trial is refused, every later refusal of the current key tries it again at once. A key on trial that is no longer
/// in the file is dropped, since it couldn't be read from there again.
package struct KeySuccession {
  private enum Subject { case current, candidate }

  /// An earlier process's knowledge of its key, until the first key is found.
  private var memory: KeyMemory
  package private(set) var current: Current?
  package private(set) var candidate: Candidate?
  private var inquiry: (id: InquiryID, subject: Subject)?
  private var inquiries: UInt64 = 0
  private var lastProof: Timestamp?
  /// The last known owner.
  private var lastIdentity: CallerIdentity?
  /// Whether the current key replaced one whose owner was never known.
  private var isFirstKnownIdentity = false
  /// Whether the source signs only while a tier is away.
  private var standsBy = false

  /// A constantly rewritten file causes no more calls than this. A role that was refused for a shorter time retries by itself as
  /// soon. It also keeps a key that is refused for one role and accepted for others from being tried again with each of the others'
  /// sessions.
  private static let lastingRefusal = Duration.seconds(30)
  private static let leastInterval = Duration.seconds(1)
  /// The first key's owner only matters when another key comes, so hosts that start together are spread.
  private static let firstInquiry = Duration.seconds(30)...Duration.seconds(90)

  /// How soon STS is asked about the first key if no AssumeRole is due to prove it.
  private static let soon = Duration.seconds(1)...Duration.seconds(5)
  /// The same where that is never due while all is well; a whole fleet may have been started.
  private static let standbyInquiry = Duration.seconds(30)...Duration.minutes(10)
  private static let standbyInterval = Duration.hours(24)

  /// A proof in `memory` counts for the first key if it is about that key.
  package init(after memory: KeyMemory = .nothing) { self.memory = memory }

  /// STS's verdict on the current key; nil until STS has accepted it, and while STS refuses it.
  package var proof: KeyProof? {
    guard let current, let proven = current.proven, current.refusal == nil else { return nil }
    return KeyProof(
      accessKeyID: current.key.id, since: current.since, proven: proven, lastAccepted: current.lastAccepted,
      identity: current.identity)
  }

  /// Continues with a key from another place: the current key stays, with its owner and STS's verdict. One on trial is dropped,
  /// since it belongs to the old place.
  package init(succeeding old: KeySuccession) {
    memory = .nothing
    current = old.current
    lastProof = old.lastProof
    lastIdentity = old.lastIdentity
    isFirstKnownIdentity = old.isFirstKnownIdentity
    inquiries = old.inquiries
  }

  package mutating func handle(
    _ event: Event, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [Effect] {
    var effects: [Effect] = []
    switch event {
    case .found(let key): found(key, at: now, &effects, &generator)
    case .answered(let id, let answer): answered(id, answer, at: now, &effects, &generator)
    case .accepted(let key): accepted(key, at: now, &effects, &generator)
    case .lost:
      if candidate != nil {
        dropCandidate(&effects)
        effects.append(.report(.candidateLost))
      }
    case .denied(let key): denied(key, at: now)
    case .refused(let key, let failure): refused(key, failure, at: now, &effects)
    case .timerFired: break
    case .retryRequested: retry(at: now)
    case .standsBy(let value):
      standsBy = value
      if value, let current, current.nextInquiry == nil, inquiry == nil {
        self.current?.nextInquiry = now + .random(in: Self.standbyInquiry, using: &generator)
      }
    }
    goOn(at: now, &effects)
    return effects
  }

  // MARK: - Events

  private mutating func found(
    _ key: AccessKey, at now: Timestamp, _ effects: inout [Effect], _ generator: inout some RandomNumberGenerator
  ) {
    guard let current else {
      self.current = first(key, at: now, &generator)
      effects += [.report(.first), .keyChanged]
      return
    }
    if current.key.isSame(as: key) {
      guard candidate != nil else { return }
      dropCandidate(&effects)
      effects.append(.report(.candidateGone))
      return
    }
    if let candidate, candidate.key.isSame(as: key) { return }
    dropCandidate(&effects)
    if current.refusal != nil { return install(key, provenFor: nil, at: now, &effects) }
    candidate = Candidate(key: key, since: now, nextProof: now)
    // To detect another owner, ask for the current key's owner while it still signs.
    if current.identity == nil {
      self.current?.nextInquiry = Self.soonestInquiry(of: current, at: now)
    }
    effects.append(.report(.proving(candidate: key)))
  }

  private mutating func first(
    _ key: AccessKey, at now: Timestamp, _ generator: inout some RandomNumberGenerator
  ) -> Current {
    var first = Current(key: key, since: now)
    if case .inherited(let proof) = memory {
      lastIdentity = proof?.identity
      if let proof, proof.accessKeyID == key.id {
        first.take(proof)
      } else {
        isFirstKnownIdentity = proof != nil && lastIdentity == nil
        first.nextInquiry = now + .random(in: Self.soon, using: &generator)
      }
    }
    memory = .nothing
    if standsBy, first.nextInquiry == nil {
      first.nextInquiry = now + .random(in: Self.standbyInquiry, using: &generator)
    }
    return first
  }

  private mutating func answered(
    _ id: InquiryID, _ answer: STSAnswer<CallerIdentity>, at now: Timestamp, _ effects: inout [Effect],
    _ generator: inout some RandomNumberGenerator
  ) {
    guard let inquiry, inquiry.id == id else { return }
    self.inquiry = nil
    switch (inquiry.subject, answer) {
    case (.current, .granted(let identity)): identified(identity, at: now, &effects)
    case (.current, .refused(let failure)): unidentified(failure, at: now, &generator)
    case (.candidate, .granted(let identity)):
      if let key = candidate?.key { install(key, provenFor: identity, at: now, &effects) }
    case (.candidate, .refused(let failure)): unproven(failure, at: now, &effects, &generator)
    }
  }

  /// Notes that AssumeRole has accepted the current key again, if that is all that changes; false if it has to be handled as an
  /// event.
  package mutating func isAcceptedAgain(_ key: AccessKey, at now: Timestamp) -> Bool {
    guard current?.key.isSame(as: key) == true, current?.lastAccepted != nil,
      current?.refusal == nil, current?.identity != nil || current?.nextInquiry != nil
    else { return false }
    current?.lastAccepted = now
    return true
  }

  private mutating func accepted(
    _ key: AccessKey, at now: Timestamp, _ effects: inout [Effect], _ generator: inout some RandomNumberGenerator
  ) {
    guard let current, current.key.isSame(as: key) else { return }
    if current.lastAccepted == nil { effects.append(.report(.accepted)) }
    // It may have been disabled for a while: the other refused roles may try again.
    if let refusal = current.refusal, now - refusal.since >= Self.lastingRefusal { effects.append(.acceptedAgain) }
    self.current?.proven = current.proven ?? now
    self.current?.lastAccepted = now
    self.current?.refusal = nil
    if current.identity == nil, current.nextInquiry == nil {
      self.current?.nextInquiry = now + .random(in: Self.firstInquiry, using: &generator)
    }
  }

  private mutating func denied(_ key: AccessKey, at now: Timestamp) {
    guard let current, current.key.isSame(as: key), current.identity == nil, !current.isDenied else { return }
    self.current?.isDenied = true
    // A scheduled inquiry is only brought forward.
    let soonest = Self.soonestInquiry(of: current, at: now)
    self.current?.nextInquiry = min(current.nextInquiry ?? soonest, soonest)
  }

  private static func soonestInquiry(of current: Current, at now: Timestamp) -> Timestamp {
    current.lastInquiry.map { max(now, $0 + leastInterval) } ?? now
  }

  private mutating func refused(
    _ key: AccessKey, _ failure: Failure, at now: Timestamp, _ effects: inout [Effect]
  ) {
    guard let current, current.key.isSame(as: key) else { return }
    self.current?.refusal = TimedFailure(failure: failure, since: current.refusal?.since ?? now)
    guard let candidate else { return }
    if candidate.isRefused {
      self.candidate?.nextProof = now
    } else {
      dropCandidate(&effects)
      install(candidate.key, provenFor: nil, at: now, &effects)
    }
  }

  private mutating func retry(at now: Timestamp) {
    candidate?.backoff.reset()
    candidate?.nextProof = now
    if current?.refusal != nil, current?.identity == nil { current?.nextInquiry = now }
  }

  // MARK: - Outcomes of a proof

  /// `identity` is the key's proven owner; nil if it signs unproven.
  private mutating func install(
    _ key: AccessKey, provenFor identity: CallerIdentity?, at now: Timestamp, _ effects: inout [Effect]
  ) {
    dropInquiry(about: .current, &effects)
    candidate = nil
    isFirstKnownIdentity = lastIdentity == nil
    current = Current(key: key, since: now)
    effects.append(.report(.changed(isProven: identity != nil)))
    if let identity { identified(identity, at: now, &effects) } else { self.current?.nextInquiry = now }
    effects.append(.keyChanged)
  }

  private mutating func identified(_ identity: CallerIdentity, at now: Timestamp, _ effects: inout [Effect]) {
    guard var current else { return }
    current.identity = identity
    current.proven = current.proven ?? now
    current.nextInquiry = standsBy ? now + Self.standbyInterval : nil
    current.backoff.reset()
    if current.refusal != nil {
      // STS didn't know it yet, or it was disabled for a while; the refused roles may try again.
      current.refusal = nil
      effects.append(.keyChanged)
    }
    self.current = current
    if let lastIdentity, !lastIdentity.isSame(as: identity) {
      effects.append(.report(.otherIdentity(before: lastIdentity, now: identity)))
    } else if isFirstKnownIdentity {
      effects.append(.report(.identityNotCompared(now: identity)))
    }
    if current.isDenied { effects.append(.report(.identified(identity))) }
    isFirstKnownIdentity = false
    lastIdentity = identity
  }

  private mutating func unidentified(
    _ failure: Failure, at now: Timestamp, _ generator: inout some RandomNumberGenerator
  ) {
    guard var current else { return }
    // For a key that was never accepted this is the first verdict, and for one that stands by the only one; for any other key AssumeRole decides.
    if current.proven == nil || standsBy, failure.blamesAccessKey {
      current.refusal = TimedFailure(failure: failure, since: current.refusal?.since ?? now)
    }
    current.nextInquiry = now + current.backoff.wait(after: failure, using: &generator)
    self.current = current
  }

  private mutating func unproven(
    _ failure: Failure, at now: Timestamp, _ effects: inout [Effect], _ generator: inout some RandomNumberGenerator
  ) {
    guard var candidate else { return }
    // If this process lacked the resources for the call, that is no verdict on the key.
    if failure.code == TransportFailureCode.noResources {
      self.candidate?.nextProof = now + candidate.backoff.wait(after: failure, using: &generator)
      self.candidate?.backoff = candidate.backoff
      return
    }
    let isNews = candidate.failure?.failure.code != failure.code
    candidate.failure = TimedFailure(failure: failure, since: candidate.failure?.since ?? now)
    if failure.blamesAccessKey { candidate.isRefused = true }
    let wait = candidate.backoff.wait(after: failure, using: &generator)
    candidate.nextProof = now + wait
    self.candidate = candidate
    if isNews { effects.append(.report(.notTaken(candidate: candidate.key, failure, next: wait))) }
  }

  // MARK: - The next call

  private mutating func dropCandidate(_ effects: inout [Effect]) {
    dropInquiry(about: .candidate, &effects)
    candidate = nil
  }

  private mutating func dropInquiry(about subject: Subject, _ effects: inout [Effect]) {
    guard let inquiry, inquiry.subject == subject else { return }
    effects.append(.abandon(inquiry.id))
    self.inquiry = nil
  }

  /// One call at a time, and the one about the current key first: its answer is needed to judge the other key.
  private mutating func goOn(at now: Timestamp, _ effects: inout [Effect]) {
    guard inquiry == nil else { return effects.append(.arm(nil)) }
    let nextProof = candidate.map { max($0.nextProof, lastProof.map { $0 + Self.leastInterval } ?? $0.nextProof) }
    if let current, let next = current.nextInquiry, next <= now {
      ask(.current, with: current.key, at: now, &effects)
    } else if let candidate, let nextProof, nextProof <= now {
      // If the answer was lost, it is asked for once before each proof: after the change nobody could find it out any more.
      if let current, current.identity == nil, let asked = current.lastInquiry, let lastProof, asked <= lastProof {
        return ask(.current, with: current.key, at: now, &effects)
      }
      lastProof = now
      ask(.candidate, with: candidate.key, at: now, &effects)
    } else {
      effects.append(.arm([current?.nextInquiry, nextProof].compactMap(\.self).min()))
    }
  }

  private mutating func ask(_ subject: Subject, with key: AccessKey, at now: Timestamp, _ effects: inout [Effect]) {
    inquiries += 1
    let id = InquiryID(number: inquiries)
    inquiry = (id, subject)
    if subject == .current { current?.lastInquiry = now }
    effects += [.arm(nil), .ask(id, key)]
  }
}
