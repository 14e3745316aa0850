package import CloudAPI
package import Core

/// Which AccessKey of a source signs, and what another one has to pass before it does.
///
/// It has no clock, file or connection: the driver (`AccessKeySource`) brings the time and the outcomes, and performs the effects.
///
/// | the key in force | another key is found in the file | its proof (GetCallerIdentity) ends |
/// |---|---|---|
/// | none | signs at once: AssumeRole is its proof | |
/// | none, and sessions were handed over | signs at once; whose it is is asked soon, unless an earlier process knew it | |
/// | works | goes on signing while the other one is proven | good: the other one signs. Its AssumeRole answers decide from then on |
/// | | | refused as a key: it isn't taken, and is tried again slowly: RAM may not know it yet |
/// | | | anything else, STS silent for example: tried again with back-off |
/// | refused by AssumeRole | the other one signs unproven, unless its own proof has shown it to be wrong | as the first |
///
/// While a key on trial is refused, every later refusal of the key in force asks for it again at once. A key on trial that is no longer in
/// the file is dropped, since nobody can take it from there again.
package struct KeySuccession {
  package enum Event {
    /// The file holds this key.
    case found(AccessKey)
    /// The answer to a GetCallerIdentity that an effect asked for.
    case answered(InquiryID, STSAnswer<CallerIdentity>)
    /// AssumeRole gave a session to whoever signed with this key.
    case accepted(AccessKey)
    /// The file holds no key that can be used at present.
    case lost
    /// AssumeRole knows this key, and whoever it belongs to may not assume a role: whose it is is part of the answer.
    case denied(AccessKey)
    /// AssumeRole refused this key itself: unknown, disabled, or its secret wrong.
    case refused(AccessKey, Failure)
    case timerFired
    /// A person may have changed something at the cloud: a reload.
    case retryRequested
  }

  package enum Effect {
    /// Ask GetCallerIdentity, signed with this key.
    case ask(InquiryID, AccessKey)
    case abandon(InquiryID)
    /// Call with `timerFired` then; nil: not at all.
    case arm(Timestamp?)
    /// Another key signs from now on, or STS has accepted the one in force after it had refused it.
    case keyChanged
    /// AssumeRole has accepted the key in force after it had refused it for a while.
    case acceptedAgain
    case report(Report)
  }

  /// What the journal is to say.
  package enum Report {
    /// The first key, which signs at once.
    case first
    /// Another key was found, and the one in force signs until it is proven.
    case proving(candidate: AccessKey)
    /// The key signs from now on; with its proof, or without since the one before is refused.
    case changed(isProven: Bool)
    /// The proof failed; `next` is the next one.
    case notTaken(candidate: AccessKey, Failure, next: Duration)
    /// The file holds the key in force again, and the other one is gone.
    case candidateGone
    /// The key on trial is no longer in the file, and no other key that can be used.
    case candidateLost
    /// Whose the key in force is, which matters since it may not assume a role.
    case identified(CallerIdentity)
    /// The key in force belongs to somebody else than the one before did.
    case otherIdentity(before: CallerIdentity, now: CallerIdentity)
    /// Whose the key in force is; STS never said whose the one before was.
    case identityNotCompared(now: CallerIdentity)
    /// AssumeRole has given the key in force its first session.
    case accepted
  }

  package struct InquiryID: Hashable, Sendable { fileprivate let number: UInt64 }

  /// The key that signs.
  package struct Current {
    package let key: AccessKey
    package private(set) var since: Timestamp
    /// When STS first accepted it, by GetCallerIdentity or by AssumeRole; nil until then.
    package fileprivate(set) var proven: Timestamp?
    package fileprivate(set) var lastAccepted: Timestamp?
    /// Why STS refuses it at present.
    package fileprivate(set) var refusal: TimedFailure?
    /// Whose it is, by GetCallerIdentity; nil until that is known.
    package fileprivate(set) var identity: CallerIdentity?
    /// Whether it may not assume a role, so that the journal is to say whose it is.
    fileprivate var isDenied = false
    /// When to ask whose it is; nil when that is known, or not worth a call yet.
    fileprivate var nextInquiry: Timestamp?
    fileprivate var lastInquiry: Timestamp?
    fileprivate var backoff = Backoff()

    fileprivate mutating func take(_ proof: KeyProof) {
      since = proof.since
      proven = proof.proven
      lastAccepted = proof.lastAccepted
      identity = proof.identity
    }

    /// The id as far as it may be shown.
    package var shownID: String? { proven == nil ? key.maskedID : key.id }
  }

  /// A key that was found and doesn't sign yet.
  package struct Candidate {
    package let key: AccessKey
    package let since: Timestamp
    /// Why it isn't taken; nil while its first proof is under way.
    package fileprivate(set) var failure: TimedFailure?
    /// Whether STS has refused the key itself: it never signs unproven then.
    package fileprivate(set) var isRefused = false
    fileprivate var nextProof: Timestamp
    fileprivate var backoff = Backoff()
  }

  package struct TimedFailure {
    package let failure: Failure
    package let since: Timestamp
  }

  private enum Subject { case current, candidate }

  /// What is known of an earlier process's key, until the first key is found.
  private var memory: KeyMemory
  package private(set) var current: Current?
  package private(set) var candidate: Candidate?
  private var inquiry: (id: InquiryID, subject: Subject)?
  private var inquiries: UInt64 = 0
  private var lastProof: Timestamp?
  /// Whose the keys were so far.
  private var lastIdentity: CallerIdentity?
  /// Whether the key in force took the place of one whose identity was never known.
  private var isFirstKnownIdentity = false

  /// A file that is rewritten all the time makes no more calls than this.
  /// Roles that were refused for less come again by themselves as soon. It keeps what is refused for one role and accepted for the others from
  /// being tried again with each of their sessions.
  private static let lastingRefusal = Duration.seconds(30)
  private static let leastInterval = Duration.seconds(1)
  /// Whose the first key is only matters once another comes, so hosts that start together don't ask together.
  private static let firstInquiry = Duration.seconds(30)...Duration.seconds(90)

  /// How soon the first key is asked about where AssumeRole doesn't prove it.
  private static let soon = Duration.seconds(1)...Duration.seconds(5)

  /// A proof in `memory` counts for the first key if it is the one that this is about.
  package init(after memory: KeyMemory = .nothing) { self.memory = memory }

  /// What STS has said of the key in force; nil until it has accepted it, and while it refuses it.
  package var proof: KeyProof? {
    guard let current, let proven = current.proven, current.refusal == nil else { return nil }
    return KeyProof(
      accessKeyID: current.key.id, since: current.since, proven: proven, lastAccepted: current.lastAccepted,
      identity: current.identity)
  }

  /// Goes on for a key that is looked for in another place: the key in force stays, with whose it is and what STS said of it. One on
  /// trial is dropped, since it is the old place's.
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
    // To know whether it is somebody else's, ask whose the one in force is, before that one signs no more.
    if current.identity == nil {
      self.current?.nextInquiry = current.lastInquiry.map { max(now, $0 + Self.leastInterval) } ?? now
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

  /// Notes that AssumeRole has accepted the key in force again, if that is all there is to it; false for what has to be handled as an
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
    // It was disabled for a while, say: the other roles that were refused may try again.
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
    // One that is asked for already is only brought forward.
    let soonest = current.lastInquiry.map { max(now, $0 + Self.leastInterval) } ?? now
    self.current?.nextInquiry = min(current.nextInquiry ?? soonest, soonest)
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

  // MARK: - What comes of a proof

  /// `identity` is whose the key was proven to be; nil when it signs unproven.
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
    current.nextInquiry = nil
    if current.refusal != nil {
      // STS didn't know it yet, or it was disabled for a while; roles that were refused may try again.
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
    // Of a key that has never been accepted it is the first to say so; of another one AssumeRole decides.
    if current.proven == nil, failure.blamesAccessKey {
      current.refusal = TimedFailure(failure: failure, since: current.refusal?.since ?? now)
    }
    current.nextInquiry = now + current.backoff.wait(after: failure, using: &generator)
    self.current = current
  }

  private mutating func unproven(
    _ failure: Failure, at now: Timestamp, _ effects: inout [Effect], _ generator: inout some RandomNumberGenerator
  ) {
    guard var candidate else { return }
    // That this process had no means to ask is no verdict on the key.
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

  // MARK: - What is asked next

  private mutating func dropCandidate(_ effects: inout [Effect]) {
    dropInquiry(about: .candidate, &effects)
    candidate = nil
  }

  private mutating func dropInquiry(about subject: Subject, _ effects: inout [Effect]) {
    guard let inquiry, inquiry.subject == subject else { return }
    effects.append(.abandon(inquiry.id))
    self.inquiry = nil
  }

  /// One question at a time, and the one about the key in force first: with its answer the other key's can be judged.
  private mutating func goOn(at now: Timestamp, _ effects: inout [Effect]) {
    guard inquiry == nil else { return effects.append(.arm(nil)) }
    let nextProof = candidate.map { max($0.nextProof, lastProof.map { $0 + Self.leastInterval } ?? $0.nextProof) }
    if let current, let next = current.nextInquiry, next <= now {
      ask(.current, with: current.key, at: now, &effects)
    } else if let candidate, let nextProof, nextProof <= now {
      // Where the answer was lost, once before each proof: what that would show can't be asked for any more once it is taken.
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
