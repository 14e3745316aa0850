import CloudAPI
package import Core
import Settings
import Systemd

/// What is known of roles that the latest bundle has no session of.
struct TierSearch {
  /// The bundles of other machines that have sessions of them.
  var found: [UpstreamSource.Held] = []
  /// Machines that were asked since the bundle was, and those of them that answered.
  var asked: Set<Int> = []
  var answered: Set<Int> = []
  /// Roles that no machine which answers had a good session of, since when.
  var missed: [RoleName: Timestamp] = [:]
  /// What a machine that knows the role answered in place of a session, by the machine's name.
  var absences: [RoleName: (absence: Bundle.Absence, tier: String)] = [:]
  /// When roles that no machine had are looked for again.
  var notBefore = Timestamp.distantPast
  var backoff = Backoff()
}

/// Roles that the latest bundle has no good session of are looked for in the bundles of the other machines, each of which is asked once at most
/// after the bundle was. As long as another machine has them that happens each time; roles that none has are looked for again by `Backoff`.
extension UpstreamSource {
  /// The role's session, and the bundle that it is in: the latest one, or that of another machine. One that can be used comes before
  /// one that can't, and the last word of a machine that is lost after those of machines that answer.
  func offered(to name: RoleName) -> (session: Bundle.Session, by: Held)? {
    let all = bundles(for: name)
    let good = all.filter { isGood($0.session, for: name) }
    let present = good.first { $0.by.place == held?.place || search.answered.contains($0.by.place) }
    return present ?? good.max { $0.session.assumed.expiration < $1.session.assumed.expiration } ?? all.first
  }

  /// The sessions of the role in all bundles, the latest bundle's first.
  private func bundles(for name: RoleName) -> [(session: Bundle.Session, by: Held)] {
    ((held.map { [$0] } ?? []) + search.found).compactMap { held in
      if case .session(let session)? = held.bundle.roles[name] { (session, held) } else { nil }
    }
  }

  /// The bundle that has this session.
  func holder(of accessKeyID: String, for name: RoleName) -> Held? {
    bundles(for: name).first { $0.session.assumed.accessKeyID == accessKeyID }?.by
  }

  /// Whether the session has neither lapsed nor been found dead.
  func isGood(_ session: Bundle.Session, for name: RoleName) -> Bool {
    condemned[name] != session.assumed.accessKeyID && session.assumed.expiration > serverTime()
  }

  private func hasGood(_ name: RoleName, in held: Held) -> Bool {
    if case .session(let session)? = held.bundle.roles[name] { isGood(session, for: name) } else { false }
  }

  /// Whether the latest bundle has no good session of the role.
  func isLacking(_ name: RoleName) -> Bool { held.map { !hasGood(name, in: $0) } ?? false }

  /// Whether a machine that was asked since the bundle was has a good one.
  private func isFound(_ name: RoleName) -> Bool {
    search.found.contains { search.answered.contains($0.place) && hasGood(name, in: $0) }
  }

  /// Whether for a while no machine that answers has had a good session of the role.
  func hasMissedLong(_ name: RoleName) -> Bool { search.missed[name].map { now - $0 >= Self.lasting } ?? false }

  /// Whether for a while the tier has had no session of the role that can be used, although a machine answers.
  package func hasLackedLong(_ name: RoleName) -> Bool {
    if let since = search.missed[name] ?? condemnedAt[name] { return now - since >= Self.lasting }
    guard let (session, _) = offered(to: name) else { return false }
    return serverTime().seconds - session.assumed.expiration.seconds >= Self.lasting.wholeSeconds
  }

  /// After an answer: asks other machines for roles that it lacks, or else polls.
  func goOn(afterAsking places: Set<Int>) {
    let lacking = roles().map(\.name).filter(isLacking)
    if lacking.isEmpty {
      search = TierSearch()
      return poll()
    }
    search.missed = search.missed.filter { lacking.contains($0.key) }
    guard now >= search.notBefore || lacking.contains(where: { search.missed[$0] == nil }) else { return poll() }
    (search.asked, search.answered) = (places, [])
    search.absences = [:]
    if !lookFurther() { endSearch() }
  }

  /// Asks the next machine; false if there is none, or if what was lacking has been found.
  private func lookFurther() -> Bool {
    let isLackingStill = roles().contains { isLacking($0.name) && !isFound($0.name) }
    guard isLackingStill, let place = upstream.urls.indices.first(where: { !search.asked.contains($0) }) else {
      return false
    }
    search.asked.insert(place)
    let known = search.found.first { $0.place == place }
    errand = .searching(
      connection.ask(.bundle(etag: known?.etag, wait: nil), at: upstream.urls[place]) { [unowned self] reply in
        errand = .none
        note(reply, from: place)
        if lookFurther() { return }
        endSearch()
        settle()
      })
    arm()
    return true
  }

  private func note(_ reply: TierReply, from place: Int) {
    switch reply.answer {
    case .bundle(let bundle, let etag):
      records[place].noteAnswer(at: now)
      search.answered.insert(place)
      search.found.removeAll { $0.place == place }
      search.found.append(
        Held(
          bundle: bundle, etag: etag, place: place, date: reply.date ?? serverTime(), sent: reply.sent,
          confirmed: now, isDateNews: false))
      for (role, entry) in bundle.roles {
        if case .absent(let absence) = entry { search.absences[role] = (absence, bundle.tier) }
      }
    case .unchanged:
      records[place].noteAnswer(at: now)
      search.answered.insert(place)
      guard let index = search.found.firstIndex(where: { $0.place == place }) else { return }
      search.found[index].confirmed = now
    case .failed(let failure): if !failure.isOfOwnFiles { records[place].note(failure) }
    case .reported: break
    }
  }

  private func endSearch() {
    let lacking = roles().map(\.name).filter(isLacking)
    search.found.removeAll { held in !lacking.contains { held.bundle.accessKeyID(of: $0) != nil } }
    forgetReplaced()
    let missed = lacking.filter { !isFound($0) }
    search.missed = Dictionary(missed.map { ($0, search.missed[$0] ?? now) }) { first, _ in first }
    if missed.isEmpty {
      search.backoff.reset()
    } else {
      // What all machines that answer lack is an administrator's to change; a machine that doesn't answer may be back soon.
      let isAnyLost = search.asked.contains { $0 != held?.place && !search.answered.contains($0) }
      let failure = Failure(
        isAnyLost ? .transient : .permanent, code: "RoleNotGiven",
        advice: "no machine of the tier has a session of the role")
      search.notBefore = now + search.backoff.wait(after: failure, using: &chance)
    }
    poll()
  }
}
