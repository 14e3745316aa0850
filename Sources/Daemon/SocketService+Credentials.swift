import Core
import EventLoop
import HTTPServer
import Logging
import Settings
import Wire

/// Handing out: the plain read, which never calls STS, and the read with `min_ttl`, which may have a session drawn.
extension SocketService {
  private static let defaultWait = 10

  func credentials(
    of role: KeptRole, for request: borrowing RequestHead, from peer: Peer, token: ResponseToken
  ) -> Response? {
    let now = Timestamp(microseconds: EventLoop.bootTime())
    let recipient = Recipient(peer: peer, isHeadOnly: request.method == .head)
    guard request.queryCount > 0 else {
      return handOut(role.current, of: role, to: recipient, at: now) ?? nothingValid(role, at: now)
    }
    let query: CredentialQuery
    do throws(CredentialQuery.Malformed) {
      query = try CredentialQuery(request)
    } catch {
      return Answer.problem(Problem(.malformed, detail: "\(error)"))
    }
    guard let minTTL = query.minTTL else {
      if let response = handOut(role.current, of: role, to: recipient, at: now) { return response }
      guard let wait = query.wait, wait > .zero else { return nothingValid(role, at: now) }
      waiting.add(
        WaitingReaders.Reader(token: token, recipient: recipient, minTTL: nil, deadline: now + wait), for: role.name)
      return nil
    }
    return reserve(minTTL, of: role, wait: query.wait, recipient: recipient, token: token, at: now)
  }

  private func reserve(
    _ minTTL: Duration, of role: KeptRole, wait: Duration?, recipient: Recipient, token: ResponseToken,
    at now: Timestamp
  ) -> Response? {
    switch role.machine.reservation(minTTL: minTTL, at: now) {
    case .ready(let session):
      return handOut(role.handout(of: session), of: role, to: recipient, at: now) ?? nothingValid(role, at: now)
    case .tooLong(let most): return Self.tooLong(minTTL, most: most, role)
    case .tooSoon(let wait): return Self.tooMany("one draw for a reservation per role and minute", wait)
    case .draw(let duration):
      if let wait = reservationLimits.admit(uid: recipient.peer.uid, at: now) {
        return Self.tooMany("four draws for reservations per user and minute", wait)
      }
      refresher.send(.reservationRequested(duration), to: role)
    case .underWay: break
    }
    let patience = wait ?? .seconds(Self.defaultWait)
    guard patience > .zero else { return Self.notYet(role) }
    waiting.add(
      WaitingReaders.Reader(token: token, recipient: recipient, minTTL: minTTL, deadline: now + patience),
      for: role.name)
    return nil
  }

  /// The answer with this hand-out, counted and logged for its recipient; nil when there is none that is valid.
  private func handOut(_ handout: Handout?, of role: KeptRole, to recipient: Recipient, at now: Timestamp) -> Response?
  {
    guard let handout, let response = handout.response(at: now) else { return nil }
    // An answer without its body hands out nothing.
    if recipient.isHeadOnly { return response }
    let peer = recipient.peer
    if handout.isBelowFloor(at: now) { belowFloorAnswers += 1 }
    if role.handouts.enter(uid: peer.uid, session: handout.session.id, isReserved: handout === role.reserved) {
      callers.log(
        .notice, "credential handed out",
        [
          (.role, role.name.description), (.generation, "\(handout.generation)"),
          (.accessKeyID, handout.session.accessKeyID),
        ], uid: peer.uid, pid: peer.pid)
    }
    return response
  }

  // MARK: - Those who wait

  /// A session has come: answers whoever it is enough for.
  func sessionCame(to role: KeptRole) {
    let now = Timestamp(microseconds: EventLoop.bootTime())
    waiting.answer(role.name) { reader in
      // A reload may have taken the right away since it asked.
      guard mayRead(reader.recipient.peer, role) else {
        server?.complete(reader.token, refuse(reader.recipient.peer, role))
        return true
      }
      let handout =
        if let minTTL = reader.minTTL {
          if case .ready(let session) = role.machine.reservation(minTTL: minTTL, at: now) {
            role.handout(of: session)
          } else {
            nil as Handout?
          }
        } else { role.current }
      guard let response = handOut(handout, of: role, to: reader.recipient, at: now) else { return false }
      server?.complete(reader.token, response)
      return true
    }
  }

  /// A draw for a reservation failed: tells those who waited for it.
  func reservationFailed(_ role: KeptRole, _ failure: Failure) {
    waiting.answer(role.name) { reader in
      guard let minTTL = reader.minTTL else { return false }
      server?.complete(reader.token, Self.drawFailed(minTTL, role, failure))
      return true
    }
  }

  func timedOut(_ reader: WaitingReaders.Reader, _ name: RoleName) {
    guard let role = refresher.roles[name] else { return roleGone(reader, name) }
    let now = Timestamp(microseconds: EventLoop.bootTime())
    server?.complete(reader.token, reader.minTTL == nil ? nothingValid(role, at: now) : Self.notYet(role))
  }

  /// The role was taken out of the settings while somebody waited for it.
  func roleGone(_ name: RoleName) {
    waiting.answer(name) { reader in
      roleGone(reader, name)
      return true
    }
  }

  private func roleGone(_ reader: WaitingReaders.Reader, _ name: RoleName) {
    server?.complete(
      reader.token,
      Answer.problem(
        Problem(.notFound, detail: "role '\(name)' was taken out of the settings")))
  }

  // MARK: - What is said instead of a credential

  private func nothingValid(_ role: KeptRole, at now: Timestamp) -> Response {
    let failure = role.machine.lastFailure
    let drawn = role.machine.lastSuccess == nil ? "first" : "next"
    let why = failure.map { "STS: \($0.code); \($0.advice)" } ?? "its \(drawn) session is being drawn"
    return Answer.problem(
      Problem(
        .noSession, detail: "role '\(role.name)' has no valid session; \(why)", code: failure?.code,
        requestID: failure?.requestID, retryAfter: max(.seconds(1), role.machine.nextAttempt - now + .seconds(1))))
  }

  private static func notYet(_ role: KeptRole) -> Response {
    Answer.problem(
      Problem(
        .noSession, detail: "a session long enough for role '\(role.name)' is being drawn; ask again",
        retryAfter: .seconds(2)))
  }

  private static func tooLong(_ minTTL: Duration, most: Duration, _ role: KeptRole) -> Response {
    let figures = "min_ttl is \(minTTL.wholeSeconds) s; role '\(role.name)' can have \(most.wholeSeconds) s at most"
    return Answer.problem(Problem(.tooLong, detail: "\(figures) by its 'max_duration'", maxTTL: most))
  }

  private static func tooMany(_ rule: String, _ wait: Duration) -> Response {
    Answer.problem(Problem(.tooManyReservations, detail: "there may be \(rule)", retryAfter: wait + .seconds(1)))
  }

  private static func drawFailed(_ minTTL: Duration, _ role: KeptRole, _ failure: Failure) -> Response {
    let detail =
      "role '\(role.name)': no session of \(minTTL.wholeSeconds) s; STS: \(failure.code); \(failure.advice)"
    if failure.code == "InvalidParameter.DurationSeconds" || failure.code == Failure.grantedLessCode {
      let most = role.settings.timing.duration - .seconds(60)
      return Answer.problem(
        Problem(.tooLong, detail: detail, code: failure.code, requestID: failure.requestID, maxTTL: most))
    }
    return Answer.problem(
      Problem(
        .noSession, detail: detail, code: failure.code, requestID: failure.requestID, retryAfter: .seconds(5)))
  }
}
