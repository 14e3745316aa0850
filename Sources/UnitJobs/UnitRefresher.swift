package import Core
package import Logs
package import Systemd
package import Wire

/// Reloads other units after the rotation of a role: those of its `refresh_units` that run.
///
///     rotation ─▶ find the units ─▶ by the state of each:
///                   active, reloading   queue its job ─▶ await the job ─▶ done
///                   activating          await its start ─▶ look at it again
///                   others              nothing to do
///
/// A unit has one job at a time: rotations that come while it is under way make one more afterwards. Whatever fails is tried again with back-off,
/// by looking at the unit again; a job of its own that takes too long is given up until the next rotation or restart of the daemon.
package final class UnitRefresher {
  /// A bus allows a connection only so many calls without an answer (dbus-daemon(1), max_replies_per_connection: 128 in Debian's).
  static let mostCalls = 32
  /// After so long a unit that is starting is looked at again, where there is no job to wait for.
  static let startPause = Duration.seconds(1)

  /// The units of a role that are to be found out.
  private struct Search {
    let number: UInt64
    var generation: UInt64
    var patterns: [UnitPattern]
    /// The units that need no reload for this generation.
    var except: Set<UnitName>
    /// A call that is sent later makes a unit read the credential.
    var moment: UInt64
    var isUnderWay = false
    /// Whether another rotation has come while the search is under way.
    var isOutdated = false
    var due: Timestamp?
    var backoff = Backoff()
    var isReported = false
    /// Of the last attempt: the service manager couldn't be asked.
    var failure: (error: String, generation: UInt64, at: UTCTime)?
  }

  private enum Step {
    case find(RoleName)
    case look(UnitName)
    case refresh(UnitName)
  }

  /// How long a job, or a start, is waited for.
  package var timeout: Duration
  private let scheduler: any Scheduler
  private let manager: any UnitManager
  let log: Log
  /// The daemon's own unit is never touched, whatever the patterns are.
  private let ownUnit: String?
  private var chance = SystemChance()
  private var timer: (any Alarm)!

  /// Called when a unit needs nothing more for this generation; not after a timeout.
  package var unitSettled: (RoleName, _ generation: UInt64, UnitName) -> Void = { _, _, _ in }
  /// Called when all units of a role need nothing more; not after a timeout.
  package var settled: (RoleName) -> Void = { _ in }
  /// Called before a unit's job is queued.
  package var willRefresh: (UnitName) -> Void = { _ in }

  /// Calls `pump` in a later turn: it may close the connection that reports.
  private var soon: (any Deferral)!

  private var isHeld = true
  /// Counts the rotations.
  private var moment: UInt64 = 0
  private var searches: [RoleName: Search] = [:]
  private var latestSearch: UInt64 = 0
  private var works: [UnitName: UnitWork] = [:]
  /// The units that wait for a job.
  private var jobs: [UInt32: UnitName] = [:]
  /// What waits for its call, in the order in which it came.
  private var steps: ArraySlice<Step> = []
  private var callsUnderWay = 0
  private var counts: [UnitResult: UInt64] = [:]
  private var outcomes: [RoleName: [UnitName: UnitRefreshStatus]] = [:]
  /// The roles for which a missing permission has been logged since their latest rotation.
  var reportedDenials: Set<RoleName> = []

  package init(
    scheduler: any Scheduler, manager: any UnitManager, timeout: Duration, ownUnit: String?, log: Log
  ) throws {
    self.scheduler = scheduler
    self.manager = manager
    self.timeout = timeout
    self.ownUnit = ownUnit
    self.log = log
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in timeIsUp() }
    soon = scheduler.deferred { [unowned self] in pump() }
    manager.jobRemoved = { [unowned self] in jobRemoved($0, $1) }
    manager.lost = { [unowned self] in connectionLost() }
  }

  /// Begins to call the service manager. Not while the daemon itself is being started: a unit that is ordered after it would be stopped at once, and
  /// started only after that.
  package func release() {
    isHeld = false
    pump()
  }

  /// How often attempts have ended, by their result, and how many units are being reloaded or are to be.
  package var figures: UnitJobFigures { UnitJobFigures(results: counts, pending: works.count) }

  /// In the order of the units' names. Where the service manager couldn't be asked which units there are, each pattern stands for its units.
  package func statuses(of role: RoleName) -> [UnitRefreshStatus] {
    var statuses = Dictionary((outcomes[role] ?? [:]).values.map { ($0.unit, $0) }) { first, _ in first }
    if let search = searches[role], let failure = search.failure {
      for pattern in search.patterns {
        statuses[pattern.description] = UnitRefreshStatus(
          unit: pattern.description, result: .unreachable, generation: failure.generation, at: failure.at,
          lastError: failure.error)
      }
    }
    return statuses.values.sorted { $0.unit < $1.unit }
  }

  // MARK: - Roles

  /// A role has another credential, which readers of its files and of the socket get by now.
  /// The units in `except` have read it.
  package func rotated(
    _ role: RoleName, generation: UInt64, patterns: [UnitPattern], except: Set<UnitName> = []
  ) {
    guard !patterns.isEmpty else { return forget(role) }
    reportedDenials.remove(role)
    latestSearch += 1
    moment += 1
    var search =
      searches[role]
      ?? Search(number: latestSearch, generation: generation, patterns: patterns, except: except, moment: moment)
    let isNew = searches[role] == nil || search.due != nil
    search.generation = generation
    search.patterns = patterns
    search.except = except
    search.moment = moment
    search.isOutdated = search.isUnderWay
    search.due = nil
    search.isReported = false
    if isNew {
      search.backoff.reset()
      steps.append(.find(role))
    }
    searches[role] = search
    pump()
  }

  /// The role is gone, or has no units any more. Jobs under way go on, and nothing is logged.
  package func forget(_ role: RoleName) {
    guard searches[role] != nil || outcomes[role] != nil else { return }
    searches[role] = nil
    outcomes[role] = nil
    reportedDenials.remove(role)
    leave(role) { _ in true }
    reviewEnd(of: [role])
  }

  /// The role's units are those that match these patterns; what is to be done for others isn't any more.
  package func change(_ role: RoleName, to patterns: [UnitPattern]) {
    if patterns.isEmpty { return forget(role) }
    if var search = searches[role] {
      search.patterns = patterns
      search.isOutdated = search.isUnderWay
      searches[role] = search
    }
    outcomes[role] = outcomes[role]?.filter { name, _ in patterns.contains { $0.matches(name) } }
    leave(role) { name in !patterns.contains { $0.matches(name) } }
    reviewEnd(of: [role])
  }

  private func reviewEnd(of roles: some Sequence<RoleName>) {
    for role in roles where searches[role] == nil && !works.values.contains(where: { $0.isFor(role) }) {
      // What became of a job that wasn't over in time isn't known.
      if outcomes[role]?.values.contains(where: { $0.result == .timeout }) == true { continue }
      settled(role)
    }
  }

  /// Does nothing more for the role with the units that `isLeft` chooses.
  private func leave(_ role: RoleName, _ isLeft: (UnitName) -> Bool) {
    for name in Array(works.keys) where isLeft(name) {
      works[name]?.roles[role] = nil
      works[name]?.again[role] = nil
      if let work = works[name], work.roles.isEmpty, work.again.isEmpty, work.isBeforeCall { drop(name) }
    }
  }

  private func drop(_ name: UnitName) {
    if case .awaiting(let job, _, _)? = works[name]?.phase { jobs[job] = nil }
    works[name] = nil
  }

  // MARK: - Calls

  private func pump() {
    if isHeld { return }
    while callsUnderWay < Self.mostCalls, let step = steps.popFirst() { perform(step) }
    if callsUnderWay == 0, jobs.isEmpty { manager.close() }
  }

  private func perform(_ step: Step) {
    switch step {
    case .find(let role):
      guard let search = searches[role] else { return }
      searches[role]?.isUnderWay = true
      callsUnderWay += 1
      manager.find(search.patterns) { [unowned self] result in
        callsUnderWay -= 1
        if searches[role]?.number == search.number { found(result, for: role) }
        pump()
      }
    case .look(let name):
      guard case .looking? = works[name]?.phase, let pattern = UnitPattern(name.description) else { return }
      callsUnderWay += 1
      manager.find([pattern]) { [unowned self] result in
        callsUnderWay -= 1
        looked(at: name, result)
        pump()
      }
    case .refresh(let name):
      guard case .ready? = works[name]?.phase else { return }
      works[name]?.phase = .calling
      works[name]?.calledAt = moment
      callsUnderWay += 1
      willRefresh(name)
      manager.reloadOrTryRestart(name) { [unowned self] result in
        callsUnderWay -= 1
        called(name, result)
        pump()
      }
    }
  }

  private func found(
    _ result: Result<[ManagerConnection.Unit], ManagerConnection.CallError>, for role: RoleName
  ) {
    guard var search = searches[role] else { return }
    search.isUnderWay = false
    guard !search.isOutdated else {
      search.isOutdated = false
      searches[role] = search
      return steps.append(.find(role))
    }
    switch result {
    case .success(let units):
      let found = services(of: units, search.patterns)
      let names = Set(found.map(\.0))
      outcomes[role] = outcomes[role, default: [:]].filter { names.contains($0.key) }
      leave(role) { !names.contains($0) }
      for (name, unit) in found where !search.except.contains(name) { request(name, unit, for: role, search) }
      // Only now: a unit that isn't running is done with at once, before the others are begun.
      searches[role] = nil
      reviewEnd(of: [role])
    case .failure(let error):
      let wait = search.backoff.wait(after: Self.failure(of: error, .transient), using: &chance)
      if !search.isReported { logNotFound(role, search.generation, error, next: wait) }
      search.isReported = true
      search.failure = ("\(error)", search.generation, now)
      counts[.unreachable, default: 0] += 1
      search.due = scheduler.time + wait
      searches[role] = search
      arm(for: scheduler.time + wait)
    }
  }

  /// The services that the patterns name, each with its state; nil for a name that is another unit's alias, whose state the manager lists under
  /// that unit's own name.
  private func services(
    of units: [ManagerConnection.Unit], _ patterns: [UnitPattern]
  ) -> [(UnitName, ManagerConnection.Unit?)] {
    let services = units.compactMap { unit in
      UnitName(unit.name).flatMap { unit.name.hasSuffix(".service") && unit.name != ownUnit ? ($0, unit) : nil }
    }
    let named = services.filter { service in patterns.contains { $0.matches(service.0) } }
    if named.count == services.count { return named }
    let known = Set(named.map(\.0))
    return named + patterns.compactMap(\.name).filter { !known.contains($0) }.map { ($0, nil) }
  }

  /// `unit` is its state as the search has found it, nil if it hasn't.
  private func request(_ name: UnitName, _ unit: ManagerConnection.Unit?, for role: RoleName, _ search: Search) {
    let generation = search.generation
    guard let work = works[name] else {
      works[name] = UnitWork(roles: [role: generation])
      return begin(name, unit)
    }
    guard work.isBeforeCall || search.moment <= work.calledAt else {
      works[name]?.again[role] = generation
      return
    }
    works[name]?.roles[role] = generation
    works[name]?.reported = nil
    if case .pausing = work.phase {
      works[name]?.backoff.reset()
      works[name]?.startDeadline = nil
      begin(name, unit)
    }
  }

  /// A start that the search has found may be over: a search with wildcards and names takes two calls, and the end of a job that nothing waited
  /// for during the second isn't reported again.
  private func begin(_ name: UnitName, _ unit: ManagerConnection.Unit?) {
    switch unit.map({ UnitVerdict($0) }) {
    case nil, .awaitStart?: look(at: name)
    case let verdict?: follow(verdict, of: name)
    }
  }

  private func looked(
    at name: UnitName, _ result: Result<[ManagerConnection.Unit], ManagerConnection.CallError>
  ) {
    guard case .looking? = works[name]?.phase else { return }
    switch result {
    case .success(let units):
      guard let unit = units.first else { return finish(name, .notFound) }
      let verdict = UnitVerdict(unit)
      if unit.name == name.description || verdict.isEnd { return follow(verdict, of: name) }
      // A permission would be asked for by the unit's own name, which the polkit rule doesn't have.
      retry(name, .jobFailed, "it is an alias; write '\(unit.name)' in refresh_units", after: .permanent)
    case .failure(let error): retry(name, .unreachable, "\(error)", after: .transient)
    }
  }

  private func follow(_ verdict: UnitVerdict, of name: UnitName) {
    switch verdict {
    case .nothing(let result): finish(name, result)
    case .refresh:
      works[name]?.phase = .ready
      works[name]?.startDeadline = nil
      steps.append(.refresh(name))
    case .awaitStart(let job):
      let end = startDeadline(of: name)
      if scheduler.time < end { awaitJob(job, isOwn: false, of: name, until: end) } else { startTooLong(name) }
    case .lookAgain:
      if scheduler.time < startDeadline(of: name) { pause(name, Self.startPause) } else { startTooLong(name) }
    }
  }

  /// By when its start has to be over.
  private func startDeadline(of name: UnitName) -> Timestamp {
    let end = works[name]?.startDeadline ?? scheduler.time + timeout
    works[name]?.startDeadline = end
    return end
  }

  /// No job of its own is queued yet, so that the unit has to be looked at again: it may run with the old credential as soon as it has started.
  private func startTooLong(_ name: UnitName) {
    retry(
      name, .timeout, "its start wasn't over after \(timeout.text); see systemctl status \(name)", after: .permanent)
  }

  private func awaitJob(_ job: UInt32, isOwn: Bool, of name: UnitName, until end: Timestamp) {
    works[name]?.phase = .awaiting(job: job, isOwn: isOwn, until: end)
    jobs[job] = name
    arm(for: end)
  }

  private func called(_ name: UnitName, _ result: Result<UInt32, ManagerConnection.CallError>) {
    guard case .calling? = works[name]?.phase else { return }
    switch result {
    case .success(let job): awaitJob(job, isOwn: true, of: name, until: scheduler.time + timeout)
    case .failure(let error):
      switch UnitCallFailure(error) {
      case .notAllowed: retry(name, .notAllowed, "\(error)", after: .permanent)
      case .refused: retry(name, .jobFailed, "\(error)", after: .permanent)
      case .conflict: retry(name, .jobFailed, "\(error)", after: .transient)
      case .unreachable: retry(name, .unreachable, "\(error)", after: .transient)
      }
    }
  }

  // MARK: - What happens by itself

  private func jobRemoved(_ job: UInt32, _ result: String) {
    guard let name = jobs.removeValue(forKey: job), let work = works[name],
      case .awaiting(_, let isOwn, _) = work.phase
    else { return }
    switch (isOwn, result) {
    case (false, _): look(at: name)
    case (true, "done"): finish(name, .done)
    // Somebody queued another one instead, such as a stop.
    case (true, "canceled"): retry(name, .jobFailed, "its job was canceled", after: .transient)
    case (true, _):
      retry(name, .jobFailed, "its job ended with '\(result)'; see systemctl status \(name)", after: .permanent)
    }
    soon.schedule()
  }

  private func connectionLost() {
    for (job, name) in jobs {
      jobs[job] = nil
      retry(name, .unreachable, "the connection to the system bus has ended", after: .transient)
    }
    soon.schedule()
  }

  private func timeIsUp() {
    let now = scheduler.time
    for (role, search) in searches {
      if let due = search.due, due <= now {
        searches[role]?.due = nil
        steps.append(.find(role))
      }
    }
    for (name, work) in works {
      guard let due = work.due, due <= now else { continue }
      if case .awaiting(let job, let isOwn, _) = work.phase {
        jobs[job] = nil
        if isOwn { finish(name, .timeout) } else { startTooLong(name) }
      } else {
        look(at: name)
      }
    }
    pump()
    if let next = (works.values.compactMap(\.due) + searches.values.compactMap(\.due)).min() { arm(for: next) }
  }

  private func look(at name: UnitName) {
    works[name]?.phase = .looking
    steps.append(.look(name))
  }

  private func pause(_ name: UnitName, _ wait: Duration) {
    works[name]?.phase = .pausing(until: scheduler.time + wait)
    arm(for: scheduler.time + wait)
  }

  private func arm(for moment: Timestamp) {
    if let armed = timer.deadline, armed <= moment.microseconds { return }
    timer.arm(at: moment.microseconds)
  }

  // MARK: - Ends

  /// The work is done, or given up; whatever came meanwhile begins.
  private func finish(_ name: UnitName, _ result: UnitResult) {
    guard let work = works[name] else { return }
    record(work, of: name, result, error: result == .timeout ? "not over after \(timeout.text)" : nil)
    logEnd(work, of: name, result, timeout: timeout)
    if result != .timeout { for (role, generation) in work.roles { unitSettled(role, generation, name) } }
    defer { reviewEnd(of: work.roles.keys) }
    guard !work.again.isEmpty else {
      works[name] = nil
      return
    }
    works[name]?.restart(for: work.again)
    look(at: name)
  }

  /// It is looked at again after a while.
  private func retry(_ name: UnitName, _ result: UnitResult, _ reason: String, after kind: Failure.Kind) {
    guard var work = works[name] else { return }
    let wait = work.backoff.wait(
      after: Failure(kind, code: result.rawValue, advice: reason), using: &chance)
    record(work, of: name, result, error: reason)
    if work.reported != result { logRetry(work, of: name, result, reason, next: wait) }
    // Of the generations that came meanwhile nothing has been logged.
    work.reported = work.again.isEmpty ? result : nil
    work.roles.merge(work.again) { $1 }
    work.again = [:]
    work.startDeadline = nil
    // Its roles are gone, or don't name it any more.
    guard !work.roles.isEmpty else {
      works[name] = nil
      return
    }
    works[name] = work
    pause(name, wait)
  }

  private static func failure(of error: ManagerConnection.CallError, _ kind: Failure.Kind) -> Failure {
    Failure(kind, code: error.name, advice: error.text)
  }

  private var now: UTCTime { UTCTime(seconds: Int64(scheduler.wallSeconds)) }

  private func record(_ work: UnitWork, of name: UnitName, _ result: UnitResult, error: String?) {
    // Nobody asks for it any more.
    guard !work.roles.isEmpty else { return }
    counts[result, default: 0] += 1
    for (role, generation) in work.roles {
      outcomes[role, default: [:]][name] = UnitRefreshStatus(
        unit: name.description, result: result, generation: generation, at: now, lastError: error)
    }
  }
}
