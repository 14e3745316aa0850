package import Core
import HTTPServer
import Logs
import Refresh
import Settings
import Systemd
import Wire

/// Hand-outs: the plain read, which never calls STS, and the read with `min_ttl`, which may cause a fetch.
extension SocketService {
  /// `scope` is the scope that the query names.
  func credentials(
    of role: ManagedRole, scope: RoleName? = nil, for request: borrowing RequestHead, from peer: Peer,
    token: ResponseToken
  ) -> Response? {
    let now = scheduler.time
    let isHeadOnly = request.method == .head
    if request.queryCount == 0, case .none = role.settings.derivation, let current = role.current,
      let response = handOut(
        current, of: role, isReserved: false, to: Recipient(peer: peer, token: token, isHeadOnly: isHeadOnly), at: now)
    {
      return response
    }
    let recipient = Recipient(peer: peer, token: token, isHeadOnly: isHeadOnly)
    let key = role.settings.sessionKey(scope: scope, uid: peer.uid)
    let query: ReaderQuery
    do throws(RefusedValue) {
      query = Self.query(try CredentialQuery(request), of: key, at: now)
    } catch {
      return Answer.problem(Problem(.malformed, detail: "\(error)"))
    }
    let reader = WaitingReaders.Reader(recipient: recipient, query: query, key: key, lookAgain: query.deadline)
    switch decide(on: reader, of: role, at: now) {
    case .answer(let response): return response
    case .wait where query.deadline <= now: return notYet(reader, role, at: now)
    case .wait(let until):
      waiting.add(reader.looking(until))
      return nil
    }
  }

  /// A plain read of a role's own session waits only if its query says so; one that may cause a fetch waits by default.
  private static func query(_ query: CredentialQuery, of key: SessionKey, at now: Timestamp) -> ReaderQuery {
    let wait = query.wait ?? (query.minTTL == nil && !key.isDerived ? .zero : RequestWait.standard)
    return ReaderQuery(minTTL: query.minTTL, since: now, deadline: now + wait)
  }

  // MARK: - Waiting readers

  /// Checks the readers that wait for the session again, after something has changed for it.
  func answerWaitingReaders(of role: ManagedRole) {
    answerWaitingReaders(for: role.key)
    for service in loopback { service.answerWaiting(for: role.key) }
  }

  func answerWaitingReaders(for key: SessionKey) { waiting.answer(key) { lookAgain(at: &$0) } }

  /// Checks a waiting reader again: after an event, at the time that was set for that, at the latest at its deadline. Answers it if its answer
  /// is certain, and in any case at its deadline; false if it keeps waiting.
  func lookAgain(at reader: inout WaitingReaders.Reader) -> Bool {
    let name = reader.key.role
    guard let role = refresher.roles[name] else {
      roleGone(reader, name)
      return true
    }
    let now = scheduler.time
    let peer = reader.recipient.peer
    // A reload may have changed all of these meanwhile.
    if let scope = reader.key.scope, role.settings.derivation.scope(scope) == nil {
      server?.complete(reader.token, Self.scopeGone(scope, of: name))
      return true
    }
    guard mayRead(peer, reader.token, role, scope: reader.key.scope) else {
      server?.complete(reader.token, refuse(peer, reader.token, role, scope: reader.key.scope))
      return true
    }
    guard role.settings.sessionKey(scope: reader.key.scope, uid: peer.uid) == reader.key else {
      server?.complete(reader.token, Self.beingFetched(reader.key))
      return true
    }
    switch decide(on: reader, of: role, at: now) {
    case .answer(let response): server?.complete(reader.token, response)
    case .wait where reader.query.deadline <= now: server?.complete(reader.token, notYet(reader, role, at: now))
    case .wait(let until):
      reader.lookAgain = until
      return false
    }
    return true
  }

  /// The role was removed from the settings while readers waited for it.
  package func roleGone(_ name: RoleName) {
    for key in waiting.keys where key.role == name {
      waiting.answer(key) { reader in
        roleGone(reader, name)
        return true
      }
    }
    for service in loopback { service.answerWaiting(for: name) }
  }

  private func roleGone(_ reader: WaitingReaders.Reader, _ name: RoleName) {
    server?.complete(
      reader.token,
      Answer.problem(
        Problem(.notFound, detail: "role '\(name)' was taken out of the settings")))
  }

  // MARK: - Deciding

  private enum Decision {
    case answer(Response)
    /// A session may arrive before the reader's deadline: it is checked at each event of the role, and at that time.
    case wait(until: Timestamp)
  }

  /// `role` is the one that the reader's session is of, or is derived from.
  private func decide(on reader: WaitingReaders.Reader, of origin: ManagedRole, at now: Timestamp) -> Decision {
    let query = reader.query
    let role: ManagedRole
    switch session(of: reader.key, from: origin, orRequest: query.deadline > now || query.since == now) {
    case .found(let session): role = session
    case .beingFetched: return .wait(until: query.deadline)
    case .full(let most, let wait): return .answer(tooManyUsers(reader.key, most: most, wait))
    case .nameNotFound: return .answer(Self.nameNotFound(reader.key))
    }
    switch refresher.offer(of: role, to: query, at: now) {
    case .session(let session):
      return .answer(handOut(session, of: role, to: reader.recipient, at: now) ?? nothingValid(role, at: now))
    case .tooLong(let most): return .answer(tooLong(query, most: most, role))
    case .refused(let failure): return .answer(Self.refused(query, role, failure))
    case .notInTime(let next, let failure):
      guard query.minTTL != nil else { return .answer(nothingValid(role, at: now)) }
      if let failure { return .answer(Self.fetchFailed(query, role, failure, wait: next - now)) }
      return .answer(tooMany("one fetch for a reservation per role and minute", next - now))
    case .rateTooLow(let next): return .answer(rateTooLow(query, role, next - now, at: now))
    case .wait: return .wait(until: query.deadline)
    case .fetch(let duration, let joins): return request(duration, joins: joins, for: reader, of: role, at: now)
    }
  }

  /// Requests a fetch, unless the limits allow none before the reader's deadline.
  private func request(
    _ duration: Duration, joins: Bool, for reader: WaitingReaders.Reader, of role: ManagedRole, at now: Timestamp
  ) -> Decision {
    let deadline = reader.query.deadline
    // A reader at its deadline doesn't start a fetch.
    if deadline <= now && reader.query.since < now { return .wait(until: deadline) }
    if !joins, let wait = reservationLimits.admit(uid: reader.recipient.peer.uid, at: now) {
      if now + wait <= deadline { return .wait(until: now + wait) }
      return .answer(tooMany("four fetches for reservations per user and minute", wait))
    }
    refresher.send(.reservationRequested(duration), to: role)
    return .wait(until: deadline)
  }

  /// The answer with this session; nil if it is no longer valid.
  private func handOut(_ session: Session, of role: ManagedRole, to recipient: Recipient, at now: Timestamp)
    -> Response?
  {
    guard let handout = refresher.handout(of: session, for: role) else { return nil }
    return handOut(handout, of: role, isReserved: handout !== role.current, to: recipient, at: now)
  }

  /// The answer with this hand-out, counted and logged for its recipient; nil if it is no longer valid.
  private func handOut(
    _ handout: Handout, of role: ManagedRole, isReserved: Bool, to recipient: Recipient, at now: Timestamp
  ) -> Response? {
    guard let response = handout.response(at: now, heads: &heads) else { return nil }
    // An answer without a body hands out nothing.
    if recipient.isHeadOnly { return response }
    if handout.isBelowFloor(at: now) { belowFloorAnswers += 1 }
    handoutLog.note(handout, of: role, isReserved: isReserved, to: recipient.peer, at: now) {
      server?.process(of: recipient.token)
    }
    return response
  }

  // MARK: - Refusals

  /// The daemon's rate doesn't allow the fetch before the reader's deadline, only after `wait`.
  private func rateTooLow(_ query: ReaderQuery, _ role: ManagedRole, _ wait: Duration, at now: Timestamp) -> Response {
    guard query.minTTL != nil else { return nothingValid(role, at: now, wait: wait) }
    guard role.machine.attempt?.purpose == .pool else {
      return tooMany("as many fetches for reservations as 'sts.requests_per_second' allows", wait)
    }
    if let failure = role.machine.lastFailure { return Self.fetchFailed(query, role, failure, wait: wait) }
    return Answer.problem(
      Problem(
        .noSession,
        detail: "a session long enough for \(role.subject) waits for its turn at 'sts.requests_per_second'",
        retryAfter: wait + .seconds(1)))
  }

  /// `wait` is the minimum delay of an attempt that has to wait for its turn.
  func nothingValid(_ role: ManagedRole, at now: Timestamp, wait: Duration = .zero) -> Response {
    let failure = role.machine.lastFailure
    let next = nextAttempt(of: role)
    let why = role.whyNothingIsValid(at: now, nextAttempt: next)
    return Answer.problem(
      Problem(
        .noSession, detail: "\(role.subject) has no valid session; \(why)",
        code: failure?.code, requestID: failure?.requestID,
        retryAfter: max(.seconds(1), max(wait, next - now) + .seconds(1))))
  }

  /// At the reader's deadline, or if it doesn't wait: a session may still be on its way.
  private func notYet(_ reader: WaitingReaders.Reader, _ origin: ManagedRole, at now: Timestamp) -> Response {
    guard let role = reader.key.isDerived ? origin.derived(reader.key) : origin else {
      return Self.beingFetched(reader.key)
    }
    guard reader.query.minTTL != nil else { return nothingValid(role, at: now) }
    if let failure = role.machine.lastFailure {
      return Self.fetchFailed(reader.query, role, failure, wait: role.machine.nextAttempt - now)
    }
    let isBeingFetched = role.machine.isUnderWay && role.machine.attempt?.purpose == .reservation
    let state = isBeingFetched ? "is being fetched" : "was requested, and its fetch waits for its turn"
    return Answer.problem(
      Problem(
        .noSession, detail: "a session long enough for \(role.subject) \(state); ask again",
        retryAfter: .seconds(2)))
  }

  private func tooLong(_ query: ReaderQuery, most: Duration, _ role: ManagedRole) -> Response {
    reservations[.tooLong, default: 0] += 1
    let asked = query.minTTL ?? .zero
    let figures = "min_ttl is \(asked.text); \(role.subject) can have \(most.text) at most"
    if role.machine.timing.isOfTier {
      return Answer.problem(
        Problem(
          .tooLong, detail: "\(figures), since the tier's sessions live no longer", code: Failure.noReservationCode,
          maxTTL: most))
    }
    let isLongest = role.machine.timing.maxDuration >= RoleTiming.allowedDuration.upperBound
    let why = isLongest ? "since STS issues no longer sessions" : "by its 'max_duration'"
    return Answer.problem(Problem(.tooLong, detail: "\(figures) \(why)", maxTTL: most))
  }

  private func tooMany(_ rule: String, _ wait: Duration) -> Response {
    reservations[.tooMany, default: 0] += 1
    return Answer.problem(Problem(.tooManyReservations, detail: "there may be \(rule)", retryAfter: wait + .seconds(1)))
  }

  /// No fetch before the reader's deadline could do better than the last one; a later one may.
  private static func fetchFailed(
    _ query: ReaderQuery, _ role: ManagedRole, _ failure: Failure, wait: Duration
  ) -> Response {
    Answer.problem(
      Problem(
        .noSession, detail: noSession(query, role, failure), code: failure.code, requestID: failure.requestID,
        retryAfter: max(.seconds(1), wait + .seconds(1))))
  }

  /// The fetch failed in a way that another one won't change until a person does something.
  private static func refused(_ query: ReaderQuery, _ role: ManagedRole, _ failure: Failure) -> Response {
    guard failure.code == Failure.durationRefusedCode || failure.code == Failure.grantedLessCode else {
      return fetchFailed(query, role, failure, wait: .seconds(60))
    }
    let most = role.settings.timing.duration - ReaderQuery.transitSpan
    return Answer.problem(
      Problem(
        .tooLong, detail: noSession(query, role, failure), code: failure.code, requestID: failure.requestID,
        maxTTL: query.minTTL.flatMap { most < $0 ? most : nil }))
  }

  private static func noSession(_ query: ReaderQuery, _ role: ManagedRole, _ failure: Failure) -> String {
    let asked = (query.minTTL ?? .zero).text
    return "\(role.subject): no session of \(asked); the last attempt failed: \(failure.code): \(failure.advice)"
  }
}
