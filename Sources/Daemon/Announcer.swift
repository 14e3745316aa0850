import Core
import Logs
import Refresh
import Settings
import SocketAPI
import Systemd
import Wire

/// What the report to the service manager needs of the daemon behind it.
protocol AnnouncerBackend: AnyObject {
  var roleCount: Int { get }
  /// All roles; to gather them takes a while where there are thousands.
  var rolesInOrder: [ManagedRole] { get }
  /// How many roles' first attempt has had no outcome yet.
  var rolesWithoutOutcome: Int { get }
  /// Whether no credential file is about to be written or removed.
  var filesAreAtRest: Bool { get }
  /// Whether the role has a credential file that can't be written.
  func hasFailingFile(_ role: RoleName) -> Bool
  /// The tier that the role has its sessions from; nil if it has another source.
  func tier(of role: ManagedRole) -> RoleSource?
  /// A clause for each source with which something is wrong, in the order of their names.
  var sourceTroubles: [String] { get }
  /// What is wrong with the CA file; nil while it is used as it lies there.
  var caFileReason: Health.Reason? { get }
  /// Clauses on throttling, connections that are refused, and other hosts.
  var otherClauses: [String] { get }
  /// The latest reload, if it was refused.
  var refusal: SettingsRefusal? { get }

  /// The service manager was notified that the daemon is ready: the start is over.
  func becameReady()
}

extension AnnouncerBackend {
  func tier(of role: ManagedRole) -> RoleSource? { nil }
}

/// Reports to the service manager: READY once every role and its files have had their first outcome and every required
/// role has a credential, and one honest line of status.
///
/// The line needs a look at every role. One that isn't sent with READY is made in slices, between which the loop serves others.
final class Announcer: RoleObserver {
  /// READY comes at the latest so long after the socket listens, or after the last required role got its credential.
  private static let longestWait: Int64 = 10_000_000
  /// How much longer the manager is asked to wait while a required role has no credential, and how often. A manager that is asked for time gives
  /// it to the watchdog, too (`service_extend_timeout` in systemd's src/core/service.c, 252 and 257): no more than the shipped unit's
  /// WatchdogSec=, so that a process that hangs is ended as soon as any other.
  private static let requestedTime: Duration = .seconds(20)
  private static let requestInterval: Int64 = 10_000_000
  /// The line is renewed this often though nothing happens, since what is left grows less.
  private static let renewal: Int64 = 30_000_000
  /// The same while a role fails of which it isn't known yet whether a person is needed: that also changes with time alone.
  private static let renewalInTrouble: Int64 = 2_000_000
  /// It is sent at most so often: the more roles, the more rarely, for each has to be looked at, some 0.5 µs.
  private static let least: Int64 = 1_000_000
  private static let leastPerRole: Int64 = 1000
  /// How soon a manager is tried again that couldn't take what it was sent.
  private static let again: Int64 = 100_000

  private unowned let backend: any AnnouncerBackend
  private let manager: any ServiceManager
  private let scheduler: any Scheduler
  private let log: Log
  /// Whether the manager takes the service for started, be it by another part of this process: only then is a reload its business.
  private var isActive: Bool
  private var isReady = false
  /// Whether the longest wait for outcomes and files is over.
  private var isOverdue = false
  /// Whether nothing but required roles without a credential keeps it from being ready.
  private var isWaiting = false
  private var readyTimer: (any Alarm)!
  private var statusTimer: (any Alarm)!
  private var turn: (any Deferral)!
  /// The line that is being made.
  private var unfinished: StatusLine?
  /// When the line that was sent last, or is being made, was begun.
  private var lastBegun: Int64 = 0
  private var isInTrouble = false

  /// `isActive` is whether the manager takes the service for started already.
  init(
    backend: any AnnouncerBackend, manager: any ServiceManager, isActive: Bool = false, scheduler: any Scheduler,
    log: Log
  ) throws {
    self.backend = backend
    self.manager = manager
    self.isActive = isActive
    self.scheduler = scheduler
    self.log = log
    readyTimer = try scheduler.timer(accuracy: 100_000) { [unowned self] in
      isOverdue = true
      becomeReadyIfDone()
    }
    statusTimer = try scheduler.timer(accuracy: 200_000) { [unowned self] in
      if isReady { beginLine() } else { sendWait() }
    }
    turn = scheduler.deferred { [unowned self] in continueLine() }
  }

  func begin() {
    manager.status("fetching the first session of each of \(backend.roleCount) roles")
    if backend.roleCount == 0 { return becomeReady() }
    readyTimer.arm(at: scheduler.time.microseconds + Self.longestWait)
    // Sessions of an earlier process are an outcome.
    becomeReadyIfDone()
  }

  /// Every role has to have had its first outcome, and its files too: who is started after us reads them. A required role has to have a
  /// credential, however long that takes.
  func becomeReadyIfDone() {
    if isReady { return }
    guard isOverdue || backend.rolesWithoutOutcome == 0 && backend.filesAreAtRest else { return }
    let missing = requiredRolesWithoutCredential
    guard missing.isEmpty else { return wait(for: missing) }
    if isWaiting, !backend.filesAreAtRest {
      // The files of a role that was waited for have as long as all had at first.
      (isWaiting, isOverdue) = (false, false)
      return readyTimer.arm(at: scheduler.time.microseconds + Self.longestWait)
    }
    becomeReady()
  }

  private var requiredRolesWithoutCredential: [ManagedRole] {
    let now = scheduler.time
    return backend.rolesInOrder.filter { $0.settings.isRequired && !$0.isValid(at: now) }
  }

  private func wait(for missing: [ManagedRole]) {
    if isWaiting { return stateChanged() }
    isWaiting = true
    log.write(.waitingForRequired, [.count(missing.count), .reason(StatusLine.waiting(for: missing))])
    sendWait()
  }

  /// Says what is waited for, and asks for the time.
  private func sendWait() {
    lastBegun = scheduler.time.microseconds
    let line = addTroubles(to: StatusLine.waiting(for: requiredRolesWithoutCredential))
    // Requests that it couldn't take yet are enough.
    if manager.isBehind { manager.status(line) } else { manager.starting(atMost: Self.requestedTime, status: line) }
    statusTimer.arm(at: lastBegun + (manager.isBehind ? Self.again : Self.requestInterval))
  }

  func didPublish(_ role: ManagedRole) { stateChanged() }
  func didWithdraw(_ role: ManagedRole) { stateChanged() }
  func didReport(_ report: RefreshReport, of role: ManagedRole) { stateChanged() }

  func didAttempt(_ role: ManagedRole) {
    becomeReadyIfDone()
    // A failure that the journal has already may be one that needs a person now.
    stateChanged()
  }

  func stateChanged() {
    guard isReady || isWaiting else { return }
    let next = max(scheduler.time.microseconds, lastBegun + least)
    if let armed = statusTimer.deadline, armed <= next { return }
    statusTimer.arm(at: next)
  }

  private var least: Int64 { Self.least + Int64(backend.roleCount) * Self.leastPerRole }

  func reloading() { if isActive { manager.reloading() } }

  /// Whatever has become of it: the manager waits for this.
  func reloaded() {
    if isReady { return sendReady() }
    if isActive { manager.ready(status: addTroubles(to: StatusLine.waiting(for: requiredRolesWithoutCredential))) }
  }

  /// systemd shows the last status of a service that has ended, too: nothing in it may look as if it still ran.
  func stopping() { manager.stopping(status: "stopped") }

  /// Without any AccessKey: what is missing stays in sight until the next process says so itself.
  func stoppingForKey() {
    manager.stopping(status: backend.sourceTroubles.joined(separator: "; "))
  }

  private func becomeReady() {
    (isReady, isActive, isWaiting) = (true, true, false)
    readyTimer.disarm()
    sendReady()
    let now = scheduler.time
    let roles = backend.rolesInOrder
    log.write(.ready, [.count(roles.count { $0.isValid(at: now) }), .total(roles.count)])
    backend.becameReady()
  }

  /// READY with the line: the manager waits for it, so it is made in one piece.
  private func sendReady() {
    var line = StatusLine(backend.rolesInOrder)
    line.add(line.rolesLeft, backend, at: scheduler.time)
    unfinished = nil
    manager.ready(status: finish(line))
    statusTimer.arm(at: nextRenewal)
  }

  private func beginLine() {
    lastBegun = scheduler.time.microseconds
    unfinished = StatusLine(backend.rolesInOrder)
    continueLine()
  }

  /// Looks at more roles, and sends the line when it has seen all.
  private func continueLine() {
    guard var line = unfinished.take() else { return }
    let end = scheduler.time + LoopSlice.length
    repeat {
      // To look at the clock for each role would take as long as to look at the role.
      line.add(16, backend, at: scheduler.time)
      if line.rolesLeft == 0 { return send(line) }
    } while scheduler.time < end
    unfinished = line
    turn.schedule()
  }

  private func send(_ line: StatusLine) {
    manager.status(finish(line))
    // What changed while the line was made is reported sooner.
    if let armed = statusTimer.deadline, armed <= nextRenewal { return }
    statusTimer.arm(at: nextRenewal)
  }

  private var nextRenewal: Int64 {
    let renewal = isInTrouble ? max(Self.renewalInTrouble, least) : Self.renewal
    return scheduler.time.microseconds + (manager.isBehind ? Self.again : renewal)
  }

  /// The whole line, with what concerns no single role.
  private func finish(_ made: StatusLine) -> String {
    isInTrouble = made.isInTrouble
    return addTroubles(to: made.headline.text)
  }

  private func addTroubles(to text: String) -> String {
    var line = text
    for trouble in backend.sourceTroubles { line += "; \(trouble)" }
    if let reason = backend.caFileReason { line += "; \(reason.detail)" }
    for clause in backend.otherClauses { line += "; \(clause)" }
    if let refusal = backend.refusal {
      line +=
        "; degraded: the settings were refused at \(refusal.at), the old ones are in force until the service is stopped"
    }
    return line
  }
}
