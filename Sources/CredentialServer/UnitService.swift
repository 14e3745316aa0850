package import Core
package import Logs
package import Refresh
import Secrets
import Settings
package import Systemd
package import Wire

/// Makes the decision on a unit's request: finds the role, checks whether the unit may have it, and waits for a session
/// if there is none.
///
/// It is independent of connections: the unit was identified by `UnitServer`, and other transports could be added.
package final class UnitService: UnitResponder, RoleObserver {
  private struct Waiting {
    let request: UnitRequest
    let wanted: RequestedCredential
    let deadline: Timestamp
    unowned let answers: any UnitAnswers
  }

  /// Called before a unit gets a session that its invocation hasn't had.
  package var willHandOut: (UnitHandout) -> Void = { _ in }
  /// How long a unit waits for a valid session.
  package var wait: Duration

  private let scheduler: any Scheduler
  private let refresher: Refresher
  private let records: any UnitRecords
  private let refusals: UnitRefusalLog
  private let log: Log
  /// In the order of the requests.
  private var waiting: [Waiting] = []
  private var sessions = InvocationSessions()
  private var handouts: [RoleName: UInt64] = [:]
  private var timer: (any Alarm)!

  package init(
    scheduler: any Scheduler, refresher: Refresher, wait: Duration, records: any UnitRecords = HostUnitRecords(),
    refusals: UnitRefusalLog, log: Log
  ) throws {
    self.scheduler = scheduler
    self.refresher = refresher
    self.wait = wait
    self.records = records
    self.refusals = refusals
    self.log = log
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in endWaits() }
  }

  /// All figures except those of connections.
  package var figures: UnitFigures {
    var figures = UnitFigures()
    figures.handouts = handouts
    figures.refusals = refusals.counts
    figures.waiting = waiting.count
    return figures
  }

  package var waitingCount: Int { waiting.count }

  // MARK: - From one process to the next

  /// The units that have had sessions, and what each has had in its latest invocation.
  package var units: [UnitName] { sessions.units }
  package func handouts(to unit: UnitName) -> [UnitHandout] { sessions.handouts(to: unit) }

  /// An earlier process handed this out, and the journal has it.
  package func resume(_ one: UnitHandout) {
    _ = sessions.note(one.handout, of: one.role, to: one.unit, in: one.invocation, at: scheduler.time)
  }

  /// The unit is reloaded for a new credential: if that asks again, in the same invocation, it gets the latest session
  /// (RefreshOnReload=credentials in systemd.service(5), from systemd 260).
  package func willRefresh(_ unit: UnitName) { sessions.forget(unit) }

  // MARK: - Requests

  package func requested(_ request: UnitRequest, from answers: any UnitAnswers) {
    guard let wanted = RequestedCredential(request.credential) else {
      return refuse(request, .unknownCredential, answers)
    }
    let now = scheduler.time
    let entry = Waiting(request: request, wanted: wanted, deadline: now + wait, answers: answers)
    if answer(entry, at: now) { return }
    if let role = refresher.roles[wanted.role] { refresher.readersWait(for: role) }
    waiting.append(entry)
    arm(for: entry.deadline)
  }

  package func abandoned(_ request: UnitRequest) { waiting.removeAll { $0.request.number == request.number } }

  /// Refuses all waiting requests, since the daemon stops. Without an answer, the units would get an empty credential.
  package func endWaiting() {
    let all = waiting
    waiting = []
    for entry in all { refuse(entry.request, .stopping, entry.answers) }
  }

  /// Answers the request if that is possible now; false if it has to wait longer.
  private func answer(_ entry: Waiting, at now: Timestamp) -> Bool {
    let name = entry.wanted.role
    guard let role = refresher.roles[name] else {
      refuse(entry.request, .unknownRole(name), entry.answers)
      return true
    }
    guard role.settings.readers.admits(entry.request.unit) else {
      refuse(entry.request, .notAllowed(name), entry.answers)
      return true
    }
    let invocation = records.invocation(of: entry.request.unit)
    if let handout = handout(of: role, to: entry.request.unit, in: invocation, at: now) {
      hand(handout, of: role, to: entry, in: invocation, at: now)
      return true
    }
    if now < entry.deadline { return false }
    refuse(entry.request, .noSession(name, why: role.whyNothingIsValid(at: now)), entry.answers)
    return true
  }

  /// The session that the unit's invocation got before, while it is valid; otherwise the one that readers of the socket
  /// get.
  private func handout(of role: ManagedRole, to unit: UnitName, in invocation: String?, at now: Timestamp) -> Handout? {
    if let former = sessions.handout(of: role.name, to: unit, in: invocation) {
      former.judge(by: refresher.clock, timing: role.settings.timing)
      if now < former.lapses { return former }
    }
    return role.current.flatMap { now < $0.lapses ? $0 : nil }
  }

  private func hand(
    _ handout: Handout, of role: ManagedRole, to entry: Waiting, in invocation: String?, at now: Timestamp
  ) {
    guard let format = entry.wanted.format(by: role.settings) else {
      refuse(entry.request, .noTemplate(role.name), entry.answers)
      return
    }
    let rendered: Secret
    do throws(FormatError) { rendered = try handout.rendered(as: format, for: role.name) } catch {
      refuse(entry.request, .unfit(role.name, error), entry.answers)
      return
    }
    handouts[role.name, default: 0] += 1
    sessions.dropLapsed(at: now)
    let former = sessions.handout(of: role.name, to: entry.request.unit, in: invocation)
    if let invocation, former?.session.id != handout.session.id {
      willHandOut(
        UnitHandout(unit: entry.request.unit, invocation: invocation, role: role.name, handout: handout))
    }
    if sessions.note(handout, of: role.name, to: entry.request.unit, in: invocation, at: now) {
      log.write(
        .handedOut,
        [
          .role(role.name), .generation(handout.generation), .accessKeyID(handout.session.accessKeyID),
          .unit(entry.request.unit), .via(.loadCredential),
        ] + Self.asker(entry.request))
    }
    entry.answers.hand(rendered, to: entry.request)
  }

  /// The process that asked: root's, of the service manager. The unit's own user and program get the credential from that one.
  private static func asker(_ request: UnitRequest) -> [LogField] {
    guard let pid = request.pid else { return [] }
    return [.uid(0), .pid(pid)] + (request.program.map { [.program($0)] } ?? [])
  }

  private func refuse(_ request: UnitRequest, _ refusal: UnitRefusal, _ answers: any UnitAnswers) {
    refusals.note(refusal, of: request)
    answers.refuse(request)
  }

  // MARK: - Waiting requests

  /// Answers the waiting requests that can be answered now.
  private func review(where isConcerned: (Waiting) -> Bool) {
    guard waiting.contains(where: isConcerned) else { return }
    let now = scheduler.time
    // An answer may end a connection, and with it another request.
    for entry in waiting.filter(isConcerned) where isWaiting(entry) && answer(entry, at: now) {
      abandoned(entry.request)
    }
  }

  private func isWaiting(_ entry: Waiting) -> Bool { waiting.contains { $0.request.number == entry.request.number } }

  private func endWaits() {
    let now = scheduler.time
    review { $0.deadline <= now }
    if let next = waiting.map(\.deadline).min() { arm(for: next) }
  }

  private func arm(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }

  // MARK: - Changes

  package func didPublish(_ role: ManagedRole) { review { $0.wanted.role == role.name } }

  package func didReport(_ report: RefreshReport, of role: ManagedRole) {
    if case .condemned(let session, _) = report { sessions.forget(session.id) }
  }

  /// The role was removed from the settings, or its sessions belong to another RAM role now.
  package func roleGone(_ name: RoleName) {
    sessions.forget(name)
    handouts[name] = nil
  }

  /// Other units may have access to a role now.
  package func settingsChanged() { review { _ in true } }
}
