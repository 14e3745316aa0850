package import CloudAPI
package import Core
import Logs
import Settings

/// What a tier's role gets from the latest bundle.
package enum TierVerdict {
  /// Another session than the one that is held.
  case session(TierSession)
  /// The one that is held is the latest.
  case same
  /// The tier is being asked.
  case pending
  case refused(Failure)
}

/// A session from a bundle, and how its times are to be judged.
package struct TierSession {
  package let assumed: AssumedSession
  /// How long it lived when the bundle was handed out.
  package let life: Duration
  /// An instant before that.
  package let sent: Timestamp
  /// The tier's time then, to be weighed; nil if another role has done that.
  package let date: UTCTime?
}

extension UpstreamSource {
  /// What the role `name` gets that holds the session `holding`; nil if it holds none. Unless it `mayWait`, what is being asked isn't
  /// waited for.
  package func verdict(on name: RoleName, holding: Session?, mayWait: Bool) -> TierVerdict {
    let isAwaited = mayWait && isAwaited(by: name)
    if let (session, held) = offered(to: name), isNews(session, of: held, for: name, holding: holding) {
      // It was handed out before, and the role couldn't use it.
      let isKnown = origins[name]?.accessKeyID == session.assumed.accessKeyID
      if !(isAwaited && isKnown) { return .session(take(session, of: held)) }
    }
    if isAwaited { return .pending }
    if let failure { return .refused(failure.failure.withoutWait) }
    guard let held else { return .pending }
    if let (session, held) = offered(to: name) {
      if holding == nil || hasMissedLong(name) { return .refused(whyNoOther(than: session, of: name, from: held)) }
      return .same
    }
    switch held.bundle.roles[name] {
    case .absent(let absence): return .refused(absent(absence, of: name, by: held.bundle.tier))
    case nil, .session:
      if let (absence, tier) = search.absences[name] { return .refused(absent(absence, of: name, by: tier)) }
      return .refused(
        Failure(
          .permanent, code: "RoleNotGiven",
          advice:
            "the tier doesn't give this host, which it knows as '\(held.bundle.host)', the role '\(name)'; name the host in the role's 'allow.hosts' there, or remove the role here"
        ))
    }
  }

  /// Whether what is being asked may bring the role a session.
  private func isAwaited(by name: RoleName) -> Bool { isSearching ? isLacking(name) : isAsking }

  private func absent(_ absence: Bundle.Absence, of name: RoleName, by tier: String) -> Failure {
    let others = upstream.urls.count > 1 ? ", and no other machine gave one" : ""
    return Failure(
      .transient, code: absence.code,
      advice: "the tier ('\(tier)') has no session of the role\(others); run 'rolekeeper status \(name)' there")
  }

  /// The tier's time and when it was asked for, for whoever holds the latest session to weigh; nil if that was done.
  package func takeDate() -> (date: UTCTime, sent: Timestamp)? {
    guard let held, held.isDateNews else { return nil }
    self.held?.isDateNews = false
    return (held.date, held.sent)
  }

  /// Whether `verdict` would be another session.
  package func hasNews(for name: RoleName, holding: Session?) -> Bool {
    guard let (session, held) = offered(to: name) else { return false }
    return isNews(session, of: held, for: name, holding: holding)
  }

  /// After a fallback, only a session that ends later is worth a rotation, too.
  private func isNews(
    _ session: Bundle.Session, of held: Held, for name: RoleName, holding: Session?
  ) -> Bool {
    guard isGood(session, for: name) else { return false }
    guard let holding else { return true }
    if holding.accessKeyID == session.assumed.accessKeyID { return false }
    // A process before this one got it: the tier knows what is good.
    guard let origin = origins[name], origin.accessKeyID == holding.accessKeyID else { return true }
    return RoleTiming.isWorthRotation(
      to: session.assumed.expiration, ofSameMachine: origin.tier == held.bundle.tier, from: holding.expiration)
  }

  private func take(_ session: Bundle.Session, of held: Held) -> TierSession {
    TierSession(
      assumed: session.assumed.issued(at: session.issued),
      life: .seconds(session.assumed.expiration.seconds - held.date.seconds), sent: held.sent,
      date: held.place == self.held?.place ? takeDate()?.date : nil)
  }

  /// Why a role has no other session than this one, which can't be used, or which is a lost machine's.
  private func whyNoOther(than session: Bundle.Session, of name: RoleName, from held: Held) -> Failure {
    let machine = "the tier's machine \(upstream.urls[held.place].dropFirst("https://".count))"
    func failure(_ code: String, _ advice: String) -> Failure { Failure(.transient, code: code, advice: advice) }
    if condemned[name] == session.assumed.accessKeyID {
      return failure(
        "TierSessionDead",
        "STS doesn't know the session of \(machine) any more; the tier has been asked for another one")
    }
    let loss = records[held.place].latestFailure.map {
      "\(machine) gives none any more (\($0)); look at it, and at why no other machine has the role"
    }
    if isGood(session, for: name) {
      return failure(
        "TierMachineLost",
        "the role's session is good until \(session.assumed.expiration), and \(loss ?? "no machine that answers has one")"
      )
    }
    return failure(
      "TierSessionLapsed",
      loss.map { "the role's session has lapsed, and \($0)" }
        ?? "the session of \(machine) has lapsed, and it gives no other one; run 'rolekeeper status \(name)' there, and look at this host's clock"
    )
  }

  /// The role got a session from here.
  package func handedOut(_ accessKeyID: String, to name: RoleName) {
    guard let held = holder(of: accessKeyID, for: name) else { return }
    origins[name] = (held.bundle.tier, accessKeyID)
  }

  /// The role got a session from STS, in place of one from here.
  package func wasReplaced(by accessKeyID: String, for name: RoleName) {
    if origins[name]?.tier != "" || directAt[name] == nil { directAt[name] = now }
    origins[name] = ("", accessKeyID)
  }

  /// Since when the role has had sessions from STS; nil if `session` isn't one.
  package func directSince(_ session: Session, of name: RoleName) -> Timestamp? {
    isFromSTS(session, of: name) ? directAt[name] : nil
  }

  /// Whether the role's session is one from STS.
  package func isFromSTS(_ session: Session, of name: RoleName) -> Bool { isFromSTS(session.accessKeyID, of: name) }

  func isFromSTS(_ accessKeyID: String, of name: RoleName) -> Bool {
    origins[name].map { $0.tier.isEmpty && $0.accessKeyID == accessKeyID } ?? false
  }

  /// Whether the tier is away, for which a role may have a fallback; not if it refuses this host, or if this host can't ask it.
  package var isAway: Bool { failure.map { $0.failure.kind != .permanent } ?? false }

  /// When roles that have the latest session are to ask again: soon after the tier has been asked.
  package var nextForRoles: Timestamp { max(now, schedule.nextRequest) + .seconds(5) }

  // MARK: - Floors

  /// Warns once of a role whose floor the tier can't hold through the outage that it must survive, until it can.
  func reportFloors(of roles: [Dependent]) {
    guard let held else { return }
    let stage = HostStage(refresh: held.bundle.refreshAfter, machines: upstream.urls.count, timeout: timeout)
    for role in roles {
      guard let (session, _) = offered(to: role.name), let life = session.shortestLife else {
        continue
      }
      guard let shortfall = FloorShortfall(life: life, on: stage, for: role.timing) else {
        belowFloor.remove(role.name)
        continue
      }
      guard belowFloor.insert(role.name).inserted else { continue }
      log.write(
        .tierBelowFloor,
        [.role(role.name), .source(name), .reason(shortfall.problem), .advice(shortfall.remedy)])
    }
  }
}
