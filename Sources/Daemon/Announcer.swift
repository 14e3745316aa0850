import Core
import Logs
import Refresh
import SocketAPI
import Systemd
import Wire

/// What the report to the service manager needs of the daemon behind it.
protocol AnnouncerBackend: AnyObject {
  var roles: [RoleName: ManagedRole] { get }
  /// How many roles' first attempt has had no outcome yet.
  var rolesWithoutOutcome: Int { get }
  /// Whether no credential file is about to be written or removed.
  var filesAreAtRest: Bool { get }
  /// The roles that have a credential file which can't be written.
  var rolesWithFailingFiles: [RoleName] { get }
  /// A clause for each source with which something is wrong, in the order of their names.
  var sourceTroubles: [String] { get }
  /// What is wrong with the CA file; nil while it is used as it lies there.
  var caFileProblem: String? { get }
  /// The latest reload, if it was refused.
  var refusal: SettingsRefusal? { get }

  /// The service manager was notified that the daemon is ready: the start is over.
  func becameReady()
}

/// Reports to the service manager: READY once every role and its files have had their first outcome, and one honest
/// line of status.
final class Announcer: RoleObserver {
  /// READY comes at the latest so long after the socket listens.
  private static let longestWait: Int64 = 10_000_000
  /// The line is renewed this often though nothing happens, since what is left grows less.
  private static let renewal: Int64 = 30_000_000
  /// The same while a role fails of which it isn't known yet whether a person is needed: that also changes with time alone.
  private static let renewalInTrouble: Int64 = 2_000_000
  /// It is sent at most so often: the more roles, the more rarely, for each has to be looked at, some 0.7 µs.
  private static let least: Int64 = 1_000_000
  private static let leastPerRole: Int64 = 1000
  /// How soon a manager is tried again that couldn't take what it was sent.
  private static let again: Int64 = 100_000

  private unowned let backend: any AnnouncerBackend
  private let manager: any ServiceManager
  private let scheduler: any Scheduler
  private let log: Log
  private var isReady = false
  private var readyTimer: (any Alarm)!
  private var statusTimer: (any Alarm)!
  private var lastSent: Int64 = 0
  private var isInTrouble = false

  init(backend: any AnnouncerBackend, manager: any ServiceManager, scheduler: any Scheduler, log: Log) throws {
    self.backend = backend
    self.manager = manager
    self.scheduler = scheduler
    self.log = log
    readyTimer = try scheduler.timer(accuracy: 100_000) { [unowned self] in becomeReady() }
    statusTimer = try scheduler.timer(accuracy: 200_000) { [unowned self] in send() }
  }

  func begin() {
    manager.status("fetching the first session of each of \(backend.roles.count) roles")
    if backend.roles.isEmpty { return becomeReady() }
    readyTimer.arm(at: scheduler.time.microseconds + Self.longestWait)
  }

  /// Every role has to have had its first outcome, and its files too: who is started after us reads them.
  func becomeReadyIfDone() {
    if !isReady && backend.rolesWithoutOutcome == 0 && backend.filesAreAtRest { becomeReady() }
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
    guard isReady else { return }
    let next = max(scheduler.time.microseconds, lastSent + least)
    if let armed = statusTimer.deadline, armed <= next { return }
    statusTimer.arm(at: next)
  }

  private var least: Int64 { Self.least + Int64(backend.roles.count) * Self.leastPerRole }

  func reloading() { if isReady { manager.reloading() } }
  func reloaded() {
    guard isReady else { return }
    manager.ready(status: line())
    armStatus()
  }

  /// systemd shows the last status of a service that has ended, too: nothing in it may look as if it still ran.
  func stopping() { manager.stopping(status: "stopped") }

  /// Without any AccessKey: what is missing stays in sight until the next process says so itself.
  func stoppingForKey() {
    manager.stopping(status: backend.sourceTroubles.joined(separator: "; "))
  }

  private func becomeReady() {
    isReady = true
    readyTimer.disarm()
    manager.ready(status: line())
    let (roles, now) = (backend.roles, scheduler.time)
    let valid = roles.values.count { $0.isValid(at: now) }
    log.write(.ready, [.count(valid), .total(roles.count)])
    backend.becameReady()
    armStatus()
  }

  private func send() {
    lastSent = scheduler.time.microseconds
    manager.status(line())
    armStatus()
  }

  private func armStatus() {
    let renewal = isInTrouble ? max(Self.renewalInTrouble, least) : Self.renewal
    statusTimer.arm(at: scheduler.time.microseconds + (manager.isBehind ? Self.again : renewal))
  }

  private func line() -> String {
    let now = scheduler.time
    let failingFiles = Set(backend.rolesWithFailingFiles)
    var headline = Headline()
    isInTrouble = false
    for role in backend.roles.values {
      let isFailing = role.machine.lastFailure != nil
      let failsLastingly = isFailing && role.machine.failsLastingly(at: now)
      if isFailing && !failsLastingly { isInTrouble = true }
      headline.add(
        role.name.description, role.state(at: now), headroom: role.machine.headroom(at: now), isFailing: isFailing,
        failsLastingly: failsLastingly, hasFailingFile: failingFiles.contains(role.name))
    }
    var line = headline.text
    for trouble in backend.sourceTroubles { line += "; \(trouble)" }
    if let problem = backend.caFileProblem { line += "; \(Health.Reason.caFile(error: problem).detail)" }
    if let refusal = backend.refusal {
      line += "; the settings were refused at \(refusal.at), the old ones are in force until the next restart or crash"
    }
    return line
  }
}
