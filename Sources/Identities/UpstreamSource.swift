import CloudAPI
package import Core
package import Logs
package import Settings
package import Systemd

/// A tier that hands out the sessions of this host's roles: one request feeds all of them.
///
/// When that is sent, and long polls, is `BundleSchedule`; the tier's wish for the next request is obeyed from 5 s to 1 h. The last bundle
/// stays while no machine gives one. A long poll that brings another bundle is a session that was condemned: its role gets the other one at
/// once.
///
/// A long poll costs the tier a connection of nginx and one of rolekeeperd for each host, kept open, and a request a minute; it is what
/// replaces a condemned session within seconds where asking as often would cost a hundred times as much.
///
/// A role that the bundle has no session of is looked for in those of the other machines (`TierSearch`).
package final class UpstreamSource: CredentialSource {
  /// After so long a failure is more than one that passes.
  static let lasting = Duration.minutes(1)

  /// The latest bundle.
  struct Held {
    var bundle: Bundle
    var etag: String?
    /// Which machine handed it out, as its place in `urls`.
    var place: Int
    /// The server's time when it was handed out, and an instant before that: lives are counted from these.
    var date: UTCTime
    var sent: Timestamp
    /// When it, or that it is the same, came last.
    var confirmed: Timestamp
    /// Whether its date is still to be weighed against the estimate of the server's time: once, by one role.
    var isDateNews: Bool
  }

  /// A role that has its sessions from here.
  package struct Dependent {
    let name: RoleName
    let timing: RoleTiming
    /// How long readers still get at least its floor.
    let headroom: Duration

    package init(_ name: RoleName, _ timing: RoleTiming, headroom: Duration) {
      (self.name, self.timing, self.headroom) = (name, timing, headroom)
    }
  }

  /// What is under way.
  enum Errand {
    case none
    case asking(AnyObject)
    /// Other machines, for roles that the bundle has no session of.
    case searching(AnyObject)
    case polling(AnyObject)
    case reporting(AnyObject)
  }

  /// The answers of one machine since the start.
  struct Record {
    var answers = 0
    var failures = 0
    /// The code of the latest failure, if no answer has come since.
    var latestFailure: String?
    var latestAnswer: Timestamp?

    mutating func noteAnswer(at now: Timestamp) {
      answers += 1
      latestFailure = nil
      latestAnswer = now
    }

    mutating func note(_ failure: Failure) {
      failures += 1
      latestFailure = failure.code
    }
  }

  private final class Waiter {
    let settled: () -> Void
    init(_ settled: @escaping () -> Void) { self.settled = settled }
  }

  private struct WeakWaiter { weak var waiter: Waiter? }

  package var name: String { settings.name }
  package let settings: SourceSettings
  package let upstream: UpstreamSettings
  let connection: any TierConnection
  let scheduler: any Scheduler
  let log: Log
  let serverTime: () -> UTCTime
  let timeout: Duration
  let roles: () -> [Dependent]
  var held: Held?
  private(set) var failure: (failure: Failure, since: Timestamp)?
  var records: [Record]
  var errand = Errand.none
  private var failures: [Failure] = []
  private var mustAskAgain = false
  var schedule: BundleSchedule
  var search = TierSearch()
  private(set) var hasHadOutcome = false
  private var waiters: [WeakWaiter] = []
  private var timer: (any Alarm)!
  var chance = SystemChance()
  /// Sessions that STS doesn't know any more, by their roles, as long as the bundle has them; and reports of these and of others that the tier
  /// hasn't been sent.
  private(set) var condemned: [RoleName: String] = [:]
  private(set) var condemnedAt: [RoleName: Timestamp] = [:]
  private var unreported: [RoleName: String] = [:]
  /// From which machine each role's session came.
  var origins: [RoleName: (tier: String, accessKeyID: String)] = [:]
  /// Since when roles have had sessions from STS.
  var directAt: [RoleName: Timestamp] = [:]
  /// Roles whose floor the tier can't hold, as the log has it.
  var belowFloor: Set<RoleName> = []
  /// The machine that answered last, as the log has it.
  private var reportedPlace = 0
  /// Called when the tier has answered: roles may have other sessions, or failures that have passed.
  package var answered: () -> Void = {}
  /// Called when the first request gave no bundle: roles with sessions of a process before this one have to know.
  package var failedFirst: () -> Void = {}
  /// Called when the first request has had its outcome.
  package var settled: () -> Void = {}
  /// Called when the status may have changed.
  package var stateChanged: () -> Void = {}

  /// Asks nothing before `takeOver`. `settings` are those of a source of type `upstream`, and `timeout` is the limit of `connection` for a
  /// request to one machine.
  package init(
    _ settings: SourceSettings, _ upstream: UpstreamSettings, by connection: any TierConnection,
    timeout: Duration = HostStage.standardTimeout, scheduler: any Scheduler, log: Log,
    serverTime: @escaping () -> UTCTime, roles: @escaping () -> [Dependent]
  ) throws {
    self.settings = settings
    self.upstream = upstream
    self.connection = connection
    self.timeout = timeout
    self.scheduler = scheduler
    self.log = log
    self.serverTime = serverTime
    self.roles = roles
    records = Array(repeating: Record(), count: upstream.urls.count)
    schedule = BundleSchedule(at: scheduler.time)
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in timeIsUp() }
  }

  /// Takes over what is known of sessions from the source of its name so far, which had other settings.
  package func inherit(from old: UpstreamSource) {
    (origins, directAt) = (old.origins, old.directAt)
    (condemned, condemnedAt, unreported) = (old.condemned, old.condemnedAt, old.unreported)
  }

  package func takeOver(asking identities: any IdentityService) {
    if !hasHadOutcome, !isAsking { ask() }
  }

  package var isAwaited: Bool { !hasHadOutcome }

  /// Whether a request for the bundle is under way that is answered at once.
  package var isAsking: Bool {
    switch errand {
    case .asking, .searching, .reporting: true
    case .none, .polling: false
    }
  }

  /// Whether there is a bundle, and other machines are asked for roles that it lacks.
  package var isSearching: Bool { if case .searching = errand { true } else { false } }

  var now: Timestamp { scheduler.time }

  /// Calls `settled` once, in a later turn, when what is being asked has been answered, if the returned object is kept.
  package func whenAnswered(_ settled: @escaping () -> Void) -> AnyObject {
    let waiter = Waiter(settled)
    waiters.removeAll { $0.waiter == nil }
    waiters.append(WeakWaiter(waiter: waiter))
    return waiter
  }

  /// Asks now, since a person wants to know.
  package func retry() {
    schedule.forgetFailures()
    askNow()
  }

  package func renew() { askNow() }

  /// STS doesn't know this session any more: the tier is sent that, and asked for another one at once.
  package func condemn(_ accessKeyID: String, of role: RoleName) {
    guard !isFromSTS(accessKeyID, of: role) else { return }
    condemned[role] = accessKeyID
    condemnedAt[role] = now
    passOn(accessKeyID, of: role)
  }

  /// This session may be dead: the tier is asked to look at it, and for the bundle afterwards.
  package func passOn(_ accessKeyID: String, of role: RoleName) {
    guard !isFromSTS(accessKeyID, of: role) else { return }
    unreported[role] = accessKeyID
    askNow()
  }

  /// What is under way may have been sent before the reason to ask.
  private func askNow() { if isAsking { mustAskAgain = true } else { ask() } }

  // MARK: - Asking

  private func timeIsUp() {
    switch errand {
    case .none where now < schedule.nextRequest && now >= schedule.due: poll()
    case .none where now >= schedule.nextRequest, .polling where now >= schedule.nextRequest: ask()
    default: arm()
    }
  }

  func arm() {
    if isAsking { timer.disarm() } else { timer.arm(at: schedule.due.microseconds) }
  }

  /// Sends what is to be sent first, then asks the first machine. What is polled for ends.
  private func ask() {
    failures = []
    errand = .none
    guard let (role, id) = unreported.first, let held else { return ask(at: 0) }
    unreported[role] = nil
    let place = holder(of: id, for: role)?.place ?? held.place
    errand = .reporting(
      connection.ask(.report(role: role, accessKeyID: id), at: upstream.urls[place]) { [unowned self] reply in
        errand = .none
        // If it wasn't taken, it is sent again once the tier answers and still has the session.
        if case .failed = reply.answer {
          ask(at: 0)
          unreported[role] = id
        } else {
          ask()
        }
      })
    arm()
  }

  private func ask(at place: Int) {
    let etag = held.flatMap { $0.place == place ? $0.etag : nil }
    errand = .asking(
      connection.ask(.bundle(etag: etag, wait: nil), at: upstream.urls[place]) { [unowned self] reply in
        errand = .none
        land(reply, from: place)
      })
    arm()
  }

  private func land(_ reply: TierReply, from place: Int) {
    switch reply.answer {
    case .bundle(let bundle, let etag):
      hold(
        Held(
          bundle: bundle, etag: etag, place: place, date: reply.date ?? serverTime(), sent: reply.sent,
          confirmed: now, isDateNews: reply.date != nil), refreshAfter: bundle.refreshAfter)
      goOn(afterAsking: Set(0...place))
    case .unchanged(let refreshAfter):
      if confirm(refreshAfter, by: reply, from: place) { goOn(afterAsking: Set(0...place)) }
    case .failed(let failure) where failure.isOfOwnFiles: fail(failure)
    case .failed(let failure):
      records[place].note(failure)
      failures.append(failure)
      if place + 1 < upstream.urls.count { return ask(at: place + 1) }
      fail(Failure(ofMachines: failures))
    // Only a report is answered so.
    case .reported: fail(Failure(.transient, code: "NoBundle", advice: "the tier answered something else"))
    }
    settle()
  }

  func hold(_ new: Held, refreshAfter: Duration) {
    if let held, held.place != new.place { schedule.machineChanged() }
    held = new
    search.found.removeAll { $0.place == new.place }
    forgetReplaced()
    succeed(at: new.place, refreshAfter)
    reportFloors(of: roles())
  }

  /// Forgets what was wrong with sessions that no bundle has any more.
  func forgetReplaced() {
    for (role, id) in condemned where holder(of: id, for: role) == nil {
      condemned[role] = nil
      condemnedAt[role] = nil
    }
    for (role, id) in unreported where holder(of: id, for: role) == nil { unreported[role] = nil }
  }

  /// Returns whether there is a bundle that can be confirmed.
  private func confirm(_ refreshAfter: Duration?, by reply: TierReply, from place: Int) -> Bool {
    guard let known = held else {
      fail(Failure(.transient, code: "NoBundle", advice: "no bundle is held"))
      return false
    }
    held?.confirmed = now
    if let date = reply.date {
      held?.date = date
      held?.sent = reply.sent
      held?.isDateNews = true
    }
    succeed(at: place, refreshAfter ?? known.bundle.refreshAfter)
    return true
  }

  private func succeed(at place: Int, _ refreshAfter: Duration) {
    records[place].noteAnswer(at: now)
    schedule.answered(refreshAfter: refreshAfter, at: now)
    let isNews = failure != nil || !hasHadOutcome
    failure = nil
    let isMoved = place != reportedPlace
    reportedPlace = place
    if isNews || isMoved { reportAnswer(from: place, isNews: isNews) }
  }

  private func fail(_ failure: Failure) {
    let isNews = self.failure?.failure.code != failure.code
    self.failure = (failure, self.failure?.since ?? now)
    let headroom = roles().map(\.headroom).min() ?? .zero
    // This host's own files are looked at again soon, too.
    schedule.failed(
      failure, holdsBundle: held != nil || failure.isOfOwnFiles, headroom: headroom, at: now, using: &chance)
    if isNews { report(failure) }
    arm()
  }

  /// Lets those know who wait; the next poll or request is under way or armed.
  func settle() {
    let isFirst = !hasHadOutcome
    hasHadOutcome = true
    let waiting = waiters.compactMap(\.waiter)
    waiters = []
    for waiter in waiting { waiter.settled() }
    if isFirst { settled() }
    if failure == nil { answered() } else if isFirst { failedFirst() }
    stateChanged()
    guard mustAskAgain, !isAsking else { return }
    mustAskAgain = false
    ask()
  }
}
