import Core
import Logs
import Systemd
import TestSupport
import Testing
import Wire

@testable import UnitJobs

/// Which units are reloaded for a new credential, when, and how often.
@Suite struct UnitRefresherTests {
  static let role = RoleName("uploader")!
  static let other = RoleName("backup")!

  let scheduler = VirtualScheduler()
  let manager = FakeManager()
  let lines = LogRecorder()
  let refresher: UnitRefresher

  init() throws {
    refresher = try UnitRefresher(
      scheduler: scheduler, manager: manager, timeout: .minutes(5), ownUnit: "rolekeeper.service", log: lines.log)
    refresher.release()
  }

  func rotate(_ generation: UInt64, of role: RoleName = role, _ patterns: String...) {
    refresher.rotated(role, generation: generation, patterns: patterns.map { UnitPattern($0)! })
  }

  /// Lets what waits for a later turn happen, and answers what is asked.
  func settle(_ span: Duration = .zero) {
    scheduler.advance(by: span)
    manager.answer()
    scheduler.settle()
    manager.answer()
  }

  /// A rotation whose calls are answered.
  func refresh(_ generation: UInt64, _ patterns: String...) {
    refresher.rotated(Self.role, generation: generation, patterns: patterns.map { UnitPattern($0)! })
    settle()
  }

  private func count(_ result: UnitResult) -> UInt64 { refresher.figures.results[result, default: 0] }
  var results: [UnitResult: UInt64] { refresher.figures.results }

  // MARK: - By state

  @Test func `a unit that runs gets one job, and its end is recorded`() {
    manager.set("app.service", "active")
    refresh(7, "app.service")
    #expect(manager.asked == ["app.service"] && results.isEmpty && manager.isOpen)
    manager.endJob(of: "app.service")
    settle()
    #expect(results == [.done: 1] && refresher.figures.pending == 0 && !manager.isOpen)
    #expect(
      lines.all == [
        "notice: unit reloaded or restarted for a new credential generation=7 result=done role=uploader unit=app.service"
      ])
    let status = refresher.statuses(of: Self.role)
    #expect(status.map(\.unit) == ["app.service"] && status[0].result == .done && status[0].generation == 7)
    #expect(status[0].at == UTCTime(seconds: 1_767_225_600))
  }

  @Test func `a role is settled when nothing is left to do for it`() {
    var settled: [RoleName] = []
    var units: [String] = []
    refresher.settled = { settled.append($0) }
    refresher.unitSettled = { units.append("\($0) \($1) \($2)") }
    manager.set("app.service", "active")
    manager.set("web.service", "active")
    refresh(7, "app.service", "web.service")
    manager.endJob(of: "app.service")
    settle()
    #expect(settled.isEmpty && units == ["uploader 7 app.service"])
    // It comes while the job is under way, so that another one follows.
    rotate(3, of: Self.other, "web.service")
    settle()
    manager.endJob(of: "web.service")
    settle()
    #expect(settled == [Self.role])
    manager.endJob(of: "web.service")
    settle()
    #expect(settled == [Self.role, Self.other] && units.last == "backup 3 web.service")
    refresh(8, "none.service")
    #expect(settled == [Self.role, Self.other, Self.role] && units.last == "uploader 8 none.service")
    // Whichever of them comes first.
    for name in ["a.service", "z.service"] { manager.set(name, "inactive") }
    refresh(9, "a.service", "app.service", "z.service")
    #expect(settled.count == 3)
    manager.endJob(of: "app.service")
    settle()
    #expect(settled.count == 4)
  }

  @Test func `a role whose unit can't be reloaded is settled when it no longer names it`() {
    var settled: [RoleName] = []
    refresher.settled = { settled.append($0) }
    manager.set("app.service", "active")
    refresh(7, "app.service")
    manager.endJob(of: "app.service", "failed")
    settle()
    #expect(settled.isEmpty && refresher.figures.pending == 1)
    refresher.change(Self.role, to: [UnitPattern("web.service")!])
    #expect(settled == [Self.role] && refresher.figures.pending == 0)
  }

  /// Its reload may still read the old credential, or none.
  @Test func `a job that isn't over in time settles neither its unit nor its role, the next one does`() {
    var settled: [String] = []
    refresher.settled = { settled.append("\($0)") }
    refresher.unitSettled = { settled.append("\($0) \($1) \($2)") }
    manager.set("app.service", "active")
    refresh(7, "app.service")
    settle(.minutes(5))
    #expect(results == [.timeout: 1] && settled.isEmpty)
    refresh(8, "app.service")
    manager.endJob(of: "app.service")
    settle()
    #expect(settled == ["uploader 8 app.service", "uploader"])
  }

  @Test func `a unit that has been reloaded for the generation gets no job, the others do`() {
    manager.set("app.service", "active")
    manager.set("web.service", "active")
    let patterns = [UnitPattern("app.service")!, UnitPattern("web.service")!]
    refresher.rotated(Self.role, generation: 7, patterns: patterns, except: [UnitName("app.service")!])
    settle()
    #expect(manager.asked == ["web.service"])
    refresher.rotated(Self.role, generation: 8, patterns: patterns)
    settle()
    #expect(manager.asked == ["web.service", "app.service"])
  }

  @Test func `two roles that rotate before a unit's job is queued need one`() {
    manager.set("app.service", "active")
    rotate(7, "app.service")
    rotate(3, of: Self.other, "app.service")
    settle()
    manager.endJob(of: "app.service")
    settle()
    #expect(manager.asked == ["app.service"] && refresher.figures.pending == 0)
    #expect(refresher.statuses(of: Self.role)[0].generation == 7)
    #expect(refresher.statuses(of: Self.other)[0].generation == 3)
  }

  /// A unit that is ordered after the daemon would be stopped, and started when the daemon's start is over.
  @Test func `nothing is asked for before the daemon has been started`() throws {
    let held = try UnitRefresher(
      scheduler: scheduler, manager: manager, timeout: .minutes(5), ownUnit: nil, log: lines.log)
    manager.set("app.service", "active")
    held.rotated(Self.role, generation: 7, patterns: [UnitPattern("app.service")!])
    settle()
    #expect(!manager.isOpen && manager.asked.isEmpty)
    held.release()
    settle()
    #expect(manager.asked == ["app.service"])
  }

  /// From systemd 260 a reload may ask for the unit's credentials again (RefreshOnReload= in systemd.service(5)).
  @Test func `the observer is notified before a unit's job is queued, and not if none is`() {
    var order: [String] = []
    refresher.willRefresh = { [unowned manager] in order.append("\($0) after \(manager.asked.count) jobs") }
    manager.set("app.service", "active")
    manager.set("idle.service", "inactive")
    refresh(7, "app.service", "idle.service")
    #expect(order == ["app.service after 0 jobs"] && manager.asked == ["app.service"])
  }

  struct Idle: CustomTestStringConvertible {
    let active: String
    var sub = ""
    var load = "loaded"
    let result: UnitResult
    let phrase: String
    var testDescription: String { "\(load) \(active) \(sub)" }
  }

  private static let notRunning = "info: unit isn't running, so it isn't reloaded for a new credential"
  private static let notThere = "notice: unit to reload for a new credential is masked or doesn't exist"

  @Test(arguments: [
    Idle(active: "inactive", result: .inactive, phrase: notRunning),
    Idle(active: "failed", result: .unitFailed, phrase: notRunning),
    Idle(active: "deactivating", result: .stopping, phrase: notRunning),
    Idle(active: "activating", sub: "auto-restart", result: .inactive, phrase: notRunning),
    Idle(active: "activating", sub: "auto-restart-queued", result: .inactive, phrase: notRunning),
    Idle(active: "inactive", load: "masked", result: .masked, phrase: notThere),
    Idle(active: "inactive", load: "not-found", result: .notFound, phrase: notThere),
  ])
  func `a unit that doesn't run gets no job, which is recorded`(_ row: Idle) {
    manager.set("app.service", row.active, sub: row.sub, load: row.load)
    refresh(3, "app.service")
    #expect(manager.asked.isEmpty && results == [row.result: 1] && refresher.figures.pending == 0 && !manager.isOpen)
    #expect(
      lines.all == ["\(row.phrase) generation=3 result=\(row.result.rawValue) role=uploader unit=app.service"])
    #expect(!row.result.isFailure)
  }

  @Test(arguments: ["active", "reloading", "refreshing", "maintenance"])
  func `in every other state it gets one`(_ active: String) {
    manager.set("app.service", active)
    refresh(1, "app.service")
    #expect(manager.asked == ["app.service"])
  }

  /// The manager's job would be done at once, and the unit would keep the credential that it read.
  @Test func `a unit that is starting gets its job after its start`() {
    manager.set("app.service", "activating", sub: "start", job: 5)
    refresh(1, "app.service")
    #expect(manager.asked.isEmpty && manager.isOpen)
    manager.set("app.service", "active")
    manager.jobRemoved(4, "done")
    settle()
    #expect(manager.asked.isEmpty)
    manager.jobRemoved(5, "done")
    settle()
    #expect(manager.asked == ["app.service"])
    manager.endJob(of: "app.service")
    settle()
    #expect(results == [.done: 1])
  }

  @Test func `a start that fails leaves nothing to reload`() {
    manager.set("app.service", "activating", sub: "start", job: 5)
    refresh(1, "app.service")
    manager.set("app.service", "failed")
    manager.jobRemoved(5, "failed")
    settle()
    #expect(manager.asked.isEmpty && results == [.unitFailed: 1])
  }

  @Test func `a start without a job is looked at again every second`() {
    manager.set("app.service", "activating", sub: "start")
    refresh(1, "app.service")
    for _ in 0..<3 { settle(.seconds(1)) }
    #expect(manager.asked.isEmpty && results.isEmpty)
    manager.set("app.service", "active")
    settle(.seconds(1))
    #expect(manager.asked == ["app.service"])
  }

  // MARK: - Names

  @Test func `patterns are expanded at each rotation, to services alone, and never to the daemon's own unit`() {
    for name in ["encode@1.service", "encode@2.service", "other.service", "rolekeeper.service"] {
      manager.set(name, "active")
    }
    manager.set("encode@1.socket", "active")
    refresh(1, "encode@*.service", "*keeper.service", "encode@*")
    #expect(manager.asked == ["encode@1.service", "encode@2.service"])
    for name in ["encode@1.service", "encode@2.service"] { manager.endJob(of: name) }
    manager.set("encode@3.service", "active")
    manager.set("encode@1.service", "inactive")
    refresh(2, "encode@*.service")
    #expect(manager.asked.dropFirst(2) == ["encode@2.service", "encode@3.service"])
  }

  @Test func `a name that there is no unit of is recorded, a pattern that matches none isn't`() {
    refresh(1, "app.service", "encode@*.service")
    #expect(results == [.notFound: 1])
    #expect(refresher.statuses(of: Self.role).map(\.unit) == ["app.service"])
  }

  @Test func `a role without units asks nothing`() {
    refresher.rotated(Self.role, generation: 1, patterns: [])
    settle()
    #expect(manager.finds.isEmpty && !manager.isOpen)
  }

  // MARK: - One job at a time

  @Test func `rotations and roles that come while a job is under way make one more, afterwards`() {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    refresh(2, "app.service")
    rotate(9, of: Self.other, "app.service")
    settle()
    refresh(3, "app.service")
    #expect(manager.asked == ["app.service"])
    manager.endJob(of: "app.service")
    settle()
    #expect(manager.asked == ["app.service", "app.service"] && results == [.done: 1])
    manager.endJob(of: "app.service")
    settle()
    #expect(results == [.done: 2] && manager.asked.count == 2 && refresher.figures.pending == 0)
    let phrase = "notice: unit reloaded or restarted for a new credential"
    #expect(
      lines.all == [
        "\(phrase) generation=1 result=done role=uploader unit=app.service",
        "\(phrase) generation=9 result=done role=backup unit=app.service",
        "\(phrase) generation=3 result=done role=uploader unit=app.service",
      ])
  }

  @Test func `one that comes before the job is queued needs no other`() {
    manager.set("app.service", "activating", sub: "start", job: 5)
    refresh(1, "app.service")
    refresh(2, "app.service")
    manager.set("app.service", "active")
    manager.jobRemoved(5, "done")
    settle()
    manager.endJob(of: "app.service")
    settle()
    #expect(manager.asked.count == 1 && lines.all.count == 1 && lines.all[0].contains("generation=2 "))
  }

  @Test func `a rotation while the units are found out has them found out again`() {
    manager.set("app.service", "inactive")
    rotate(1, "app.service")
    rotate(2, "app.service")
    #expect(manager.finds.count == 1)
    manager.answer()
    #expect(lines.all.count == 1 && lines.all[0].contains("generation=2 "))
  }

  @Test func `only so many calls are under way at a time`() {
    for number in 0..<100 { manager.set("encode@\(number).service", "active") }
    rotate(1, "encode@*.service")
    manager.answerFind()
    #expect(manager.refreshes.count == UnitRefresher.mostCalls)
    settle()
    #expect(Set(manager.asked).count == 100 && manager.asked.count == 100)
    for number in 0..<100 { manager.endJob(of: "encode@\(number).service") }
    settle()
    #expect(results == [.done: 100] && !manager.isOpen)
  }

  // MARK: - Bounds

  @Test func `a job that never ends is let go after the time in the settings, and the next rotation tries again`() {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    settle(.milliseconds(299_999))
    #expect(results.isEmpty)
    settle(.milliseconds(1))
    #expect(results == [.timeout: 1] && refresher.figures.pending == 0 && !manager.isOpen)
    #expect(
      lines.all == [
        "warning: unit not reloaded for a new credential in time; the next rotation tries again "
          + "advice=see systemctl list-jobs and systemctl status app.service generation=1 result=timeout role=uploader seconds=300 unit=app.service"
      ])
    settle(.hours(1))
    #expect(manager.asked.count == 1)
    refresh(2, "app.service")
    #expect(manager.asked.count == 2)
    manager.endJob(of: "app.service")
    settle()
    #expect(results == [.timeout: 1, .done: 1])
  }

  @Test(arguments: [0, 5] as [UInt32])
  func `a start that takes longer counts as failed, and is looked at again`(_ job: UInt32) {
    manager.set("app.service", "activating", sub: "start", job: job)
    refresh(1, "app.service")
    for _ in 0..<300 { settle(.seconds(1)) }
    #expect(results == [.timeout: 1] && manager.asked.isEmpty && !manager.isOpen)
    #expect(lines.all.count == 1)
    #expect(lines.all[0].hasPrefix("warning: unit not reloaded for a new credential, trying again generation=1 next="))
    #expect(
      lines.all[0].hasSuffix(
        " reason=its start wasn't over after 5min; see systemctl status app.service result=timeout role=uploader unit=app.service"
      ), "\(lines.all)")
    manager.set("app.service", "active")
    settle(.minutes(1))
    manager.endJob(of: "app.service")
    settle()
    #expect(results == [.timeout: 1, .done: 1] && manager.asked.count == 1 && refresher.figures.pending == 0)
  }

  @Test func `a unit that starts again and again counts as failed after that time in all, until it has started`() {
    manager.set("app.service", "activating", sub: "start", job: 5)
    refresh(1, "app.service")
    for job in 5..<405 as Range<UInt32> {
      manager.set("app.service", "activating", sub: "start", job: job + 1)
      manager.jobRemoved(job, "done")
      settle(.seconds(1))
    }
    #expect(results == [.timeout: 1] && manager.asked.isEmpty && refresher.figures.pending == 1)
    manager.set("app.service", "active")
    manager.jobRemoved(405, "done")
    settle(.minutes(1))
    #expect(manager.asked == ["app.service"])
  }

  // MARK: - Failures

  static func failure(_ name: String, _ text: String = "text") -> ManagerConnection.CallError {
    ManagerConnection.CallError(name: name, text: text)
  }

  /// The job can't be queued; the state has been read.
  func refuse(_ name: String, _ unit: String = "app.service") {
    manager.set(unit, "active")
    rotate(1, "\(unit)")
    manager.answerFind()
    manager.error = Self.failure(name)
    while !manager.refreshes.isEmpty { manager.answerRefresh() }
    manager.error = nil
  }

  /// It counted as nothing to do, though the unit kept its old credential.
  @Test(arguments: [
    ("org.freedesktop.systemd1.UnitMasked", "masked", UnitResult.masked),
    ("org.freedesktop.systemd1.NoSuchUnit", "not-found", .notFound),
  ])
  func `a unit that runs on though it is masked or its file is gone is a failure until it stops`(
    _ name: String, _ load: String, _ result: UnitResult
  ) {
    refuse(name)
    #expect(results == [.jobFailed: 1] && refresher.figures.pending == 1)
    #expect(lines.all.count == 1 && lines.all[0].contains("reason=text (\(name)) result=job_failed "))
    manager.set("app.service", "inactive", load: load)
    settle(.minutes(1))
    #expect(results == [.jobFailed: 1, result: 1] && refresher.figures.pending == 0 && manager.asked.count == 1)
  }

  @Test(arguments: [
    "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
  ])
  func `a missing permission is reported with the command that prints the rule, and tried again slowly`(_ name: String)
  {
    refuse(name)
    #expect(results == [.notAllowed: 1] && lines.all.count == 1)
    let line = lines.all[0]
    #expect(line.hasPrefix("error: no permission to reload a unit for a new credential, trying again advice="))
    #expect(
      line.contains("'sudo rolekeeper check --print-polkit' prints as /etc/polkit-1/rules.d/50-rolekeeper.rules")
        && line.contains("reason=text (\(name))"))
    settle(.seconds(29))
    #expect(manager.asked.count == 1 && !manager.isOpen)
    settle(.seconds(31))
    #expect(manager.asked.count == 2)
    manager.endJob(of: "app.service")
    settle()
    #expect(count(.done) == 1 && lines.all.count == 2)
  }

  @Test func `it is reported once for all units of a role, and again after the next rotation`() {
    manager.set("encode@1.service", "active")
    refuse("org.freedesktop.DBus.Error.AccessDenied", "encode@2.service")
    #expect(lines.all.count == 1)
    rotate(2, "encode@*.service")
    manager.answerFind()
    manager.error = Self.failure("org.freedesktop.DBus.Error.AccessDenied")
    while !manager.refreshes.isEmpty { manager.answerRefresh() }
    #expect(lines.all.count == 2 && count(.notAllowed) == 3)
  }

  struct Failing: CustomTestStringConvertible {
    let name: String
    let result: UnitResult
    /// How long the first pause is.
    let pause: ClosedRange<Duration>
    var testDescription: String { name }
  }

  private static let soon: ClosedRange<Duration> = .milliseconds(100)...Duration.seconds(1)
  private static let late: ClosedRange<Duration> = .seconds(30)...Duration.seconds(60)

  @Test(arguments: [
    Failing(name: "org.freedesktop.systemd1.TransactionIsDestructive", result: .jobFailed, pause: soon),
    Failing(name: "org.freedesktop.systemd1.JobTypeNotApplicable", result: .jobFailed, pause: late),
    Failing(name: "org.freedesktop.systemd1.OnlyByDependency", result: .jobFailed, pause: late),
    Failing(name: "org.freedesktop.systemd1.LoadFailed", result: .jobFailed, pause: late),
    Failing(name: "org.freedesktop.systemd1.UnitMasked", result: .jobFailed, pause: late),
    Failing(name: "org.freedesktop.DBus.Error.NoReply", result: .unreachable, pause: soon),
    Failing(name: "org.freedesktop.DBus.Error.NoServer", result: .unreachable, pause: soon),
    Failing(name: "com.example.Whatever", result: .unreachable, pause: soon),
  ])
  func `an error is sorted by its name, reported once, and tried again`(_ row: Failing) {
    refuse(row.name)
    #expect(results == [row.result: 1])
    #expect(lines.all.count == 1)
    #expect(lines.all[0].hasPrefix("warning: unit not reloaded for a new credential, trying again generation=1 next="))
    #expect(lines.all[0].contains("reason=text (\(row.name)) result=\(row.result.rawValue) "))
    let next = scheduler.nextDeadline.map { $0 - scheduler.time }
    #expect(next.map(row.pause.contains) == true, "\(next as Any)")
    settle(.seconds(61))
    #expect(manager.asked.count == 2)
  }

  @Test func `a job that fails is tried again slowly, for as long as the unit runs`() {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    for _ in 0..<3 {
      manager.endJob(of: "app.service", "failed")
      settle(.minutes(11))
    }
    #expect(manager.asked.count == 4 && results == [.jobFailed: 3])
    #expect(lines.all.count == 1)
    #expect(lines.all[0].contains("its job ended with 'failed'; see systemctl status app.service"))
    #expect(refresher.statuses(of: Self.role).first?.lastError?.contains("'failed'") == true)
    manager.set("app.service", "failed")
    manager.endJob(of: "app.service", "failed")
    settle(.minutes(11))
    #expect(results == [.jobFailed: 4, .unitFailed: 1] && refresher.figures.pending == 0)
    #expect(refresher.statuses(of: Self.role).first?.lastError == nil)
  }

  @Test func `a job that somebody else has canceled is looked into soon`() {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    manager.set("app.service", "deactivating")
    manager.endJob(of: "app.service", "canceled")
    settle(.seconds(1))
    #expect(results == [.jobFailed: 1, .stopping: 1] && manager.asked.count == 1)
  }

  @Test func `a rotation doesn't wait for the end of a pause`() {
    refuse("org.freedesktop.DBus.Error.AccessDenied")
    refresh(2, "app.service")
    #expect(manager.asked.count == 2)
    manager.endJob(of: "app.service")
    settle()
    #expect(lines.all.last?.contains("generation=2 ") == true && refresher.figures.pending == 0)
  }

  // MARK: - The bus

  @Test func `without a bus the units are found out when there is one, which is reported once`() {
    manager.set("app.service", "active")
    manager.error = Self.failure("org.freedesktop.DBus.Error.NoServer", "no bus")
    refresh(1, "app.service")
    for _ in 0..<5 { settle(.minutes(1)) }
    #expect(manager.asked.isEmpty)
    #expect(lines.all.count == 1)
    #expect(
      lines.all[0].hasPrefix(
        "warning: can't ask systemd which units to reload, trying again advice=see systemctl status dbus; "))
    #expect(lines.all[0].contains("reason=no bus (org.freedesktop.DBus.Error.NoServer) role=uploader"))
    manager.error = nil
    settle(.minutes(1))
    #expect(manager.asked == ["app.service"])
  }

  /// The status had no line, and the metric stayed 0, so that no alert came.
  @Test func `without a bus each pattern is unreachable in the status, and each attempt is counted`() {
    manager.set("encode@1.service", "active")
    refresh(1, "encode@*.service", "app.service")
    manager.endJob(of: "encode@1.service")
    settle()
    #expect(results == [.done: 1, .notFound: 1])
    manager.error = Self.failure("org.freedesktop.DBus.Error.NoServer", "no bus")
    refresh(2, "encode@*.service", "app.service")
    #expect(count(.unreachable) == 1)
    let statuses = refresher.statuses(of: Self.role)
    #expect(statuses.map(\.unit) == ["app.service", "encode@*.service", "encode@1.service"])
    #expect(statuses.map(\.result) == [.unreachable, .unreachable, .done] && statuses.map(\.generation) == [2, 2, 1])
    #expect(statuses[1].lastError == "no bus (org.freedesktop.DBus.Error.NoServer)" && statuses[1].at != nil)
    settle(.minutes(1))
    #expect(count(.unreachable) > 1)
    manager.error = nil
    settle(.minutes(10))
    manager.endJob(of: "encode@1.service")
    settle()
    #expect(refresher.statuses(of: Self.role).map(\.unit) == ["app.service", "encode@1.service"])
    #expect(refresher.statuses(of: Self.role).map(\.result) == [.notFound, .done])
  }

  @Test func `an error of the bus's own isn't answered with the advice to install it`() {
    manager.error = Self.failure("org.freedesktop.DBus.Error.NoReply")
    refresh(1, "app.service")
    #expect(lines.all.count == 1 && !lines.all[0].contains("advice="))
  }

  @Test func `a connection that ends in the middle costs one more attempt`() {
    manager.set("app.service", "active")
    manager.set("old.service", "activating", sub: "start", job: 5)
    refresh(1, "app.service", "old.service")
    manager.breakDown()
    scheduler.settle()
    #expect(results == [.unreachable: 2])
    manager.set("old.service", "active")
    settle(.seconds(1))
    #expect(manager.asked.sorted() == ["app.service", "app.service", "old.service"])
    for name in ["app.service", "old.service"] { manager.endJob(of: name) }
    settle()
    #expect(results == [.unreachable: 2, .done: 2] && !manager.isOpen)
  }

  // MARK: - Changes

  @Test func `what is to be done for a role that is gone isn't any more`() {
    refuse("org.freedesktop.DBus.Error.AccessDenied")
    refresher.forget(Self.role)
    settle(.hours(1))
    #expect(manager.asked.count == 1 && refresher.figures.pending == 0 && refresher.statuses(of: Self.role).isEmpty)
  }

  @Test func `a unit that the settings no longer name isn't tried again`() {
    manager.set("encode@1.service", "active")
    refuse("org.freedesktop.DBus.Error.AccessDenied")
    refresher.change(Self.role, to: [UnitPattern("encode@*.service")!])
    settle(.hours(1))
    #expect(manager.asked == ["app.service"] && refresher.figures.pending == 0)
    #expect(refresher.statuses(of: Self.role).isEmpty)
  }

  @Test func `a role that comes again while the units of the former are found out has its own found out`() {
    manager.set("a.service", "inactive")
    manager.set("b.service", "inactive")
    rotate(1, "a.service")
    refresher.forget(Self.role)
    rotate(2, "b.service")
    settle()
    #expect(lines.all.count == 1 && lines.all[0].contains("unit=b.service"))
  }
}
