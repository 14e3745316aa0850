import Core
import FileOutput
import Identities
import Logs
import Refresh
import STS
import SocketAPI
import Systemd
import Wire

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

  private unowned let keeper: Keeper
  private let notifier = Notifier()
  private var isReady = false
  private var readyTimer: (any Alarm)!
  private var statusTimer: (any Alarm)!
  private var lastSent: Int64 = 0
  private var isInTrouble = false

  init(keeper: Keeper) throws {
    self.keeper = keeper
    readyTimer = try keeper.loop.timer(accuracy: 100_000) { [unowned self] in becomeReady() }
    statusTimer = try keeper.loop.timer(accuracy: 200_000) { [unowned self] in send() }
  }

  func begin() {
    notifier.status("fetching the first session of each of \(keeper.refresher.roles.count) roles")
    if keeper.refresher.roles.isEmpty { return becomeReady() }
    readyTimer.arm(at: keeper.loop.time.microseconds + Self.longestWait)
  }

  /// Every role has to have had its first outcome, and its files too: who is started after us reads them.
  func becomeReadyIfDone() {
    if !isReady && keeper.refresher.rolesWithoutOutcome == 0 && keeper.outputs.areAtRest { becomeReady() }
  }

  func didPublish(_ role: KeptRole) { stateChanged() }
  func didWithdraw(_ role: KeptRole) { stateChanged() }
  func didReport(_ report: RefreshReport, of role: KeptRole) { stateChanged() }

  func didAttempt(_ role: KeptRole) {
    becomeReadyIfDone()
    // A failure that the journal has already may be one that needs a person now.
    stateChanged()
  }

  func stateChanged() {
    guard isReady else { return }
    let next = max(keeper.loop.time.microseconds, lastSent + least)
    if let armed = statusTimer.deadline, armed <= next { return }
    statusTimer.arm(at: next)
  }

  private var least: Int64 { Self.least + Int64(keeper.refresher.roles.count) * Self.leastPerRole }

  func reloading() { if isReady { notifier.reloading() } }
  func reloaded() {
    guard isReady else { return }
    notifier.ready(status: line())
    armStatus()
  }

  /// systemd shows the last status of a service that has ended, too: nothing in it may look as if it still ran.
  func stopping() { notifier.stopping(status: "stopped") }

  /// Without any AccessKey: what is missing stays in sight until the next process says so itself.
  func stoppingForKey() {
    let troubles = keeper.sources.values.sorted { $0.name < $1.name }.compactMap(\.trouble)
    notifier.stopping(status: troubles.joined(separator: "; "))
  }

  private func becomeReady() {
    guard !isReady else { return }
    isReady = true
    readyTimer.disarm()
    notifier.ready(status: line())
    let (roles, now) = (keeper.refresher.roles, keeper.loop.time)
    let valid = roles.values.count { $0.isValid(at: now) }
    keeper.log.write(.ready, [.count(valid), .total(roles.count)])
    keeper.memoryTrimmer.muchWasDone()
    armStatus()
  }

  private func send() {
    lastSent = keeper.loop.time.microseconds
    notifier.status(line())
    armStatus()
  }

  private func armStatus() {
    let renewal = isInTrouble ? max(Self.renewalInTrouble, least) : Self.renewal
    statusTimer.arm(at: keeper.loop.time.microseconds + (notifier.isBehind ? Self.again : renewal))
  }

  private func line() -> String {
    let now = keeper.loop.time
    let failingFiles = Set(keeper.outputs.failing)
    var headline = Headline()
    isInTrouble = false
    for role in keeper.refresher.roles.values {
      let isFailing = role.machine.lastFailure != nil
      let failsLastingly = isFailing && role.machine.failsLastingly(at: now)
      if isFailing && !failsLastingly { isInTrouble = true }
      headline.add(
        role.name.description, role.state(at: now), headroom: role.machine.headroom(at: now), isFailing: isFailing,
        failsLastingly: failsLastingly, hasFailingFile: failingFiles.contains(role.name))
    }
    var line = headline.text
    for source in keeper.sources.values.sorted(by: { $0.name < $1.name }) {
      if let trouble = source.trouble { line += "; \(trouble)" }
    }
    if let problem = keeper.cloud.authorities.problem {
      line += "; \(Health.Reason.caFile(error: problem.sentence).detail)"
    }
    if let refusal = keeper.refusal {
      line += "; the settings were refused at \(refusal.at), the old ones are in force until the next restart or crash"
    }
    return line
  }
}
