import Core
import Refresh
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import Daemon

/// What is sent to the service manager, and when, in virtual time.
@Suite struct AnnouncerTests {
  /// Records what is sent to it.
  private final class Manager: ServiceManager {
    var all: [String] = []
    var isBehind = false

    func starting(atMost span: Duration, status: String) { all.append("starting \(span.text): \(status)") }
    func status(_ status: String) { all.append("status: \(status)") }
    func ready(status: String) { all.append("ready: \(status)") }
    func reloading() { all.append("reloading") }
    func stopping(status: String) { all.append("stopping: \(status)") }

    /// What was sent since the last time, by kind.
    func take() -> [String] {
      defer { all = [] }
      return all.map { String($0.prefix { $0 != ":" }) }
    }
  }

  /// In the place of the daemon: its roles are the bench's, and all else is the test's.
  private final class Backend: AnnouncerBackend {
    private let refresher: Refresher
    /// So many roles more, all of them the first one.
    var more = 0
    var filesAreAtRest = true
    var rolesWithFailingFiles: [RoleName] = []
    var sourceTroubles: [String] = []
    var caFileReason: Health.Reason?
    var otherClauses: [String] = []
    var refusal: SettingsRefusal?
    var starts = 0

    /// Called when a role is looked at.
    var onLook: () -> Void = {}

    init(_ refresher: Refresher) { self.refresher = refresher }

    var roleCount: Int { rolesInOrder.count }
    var rolesInOrder: [ManagedRole] {
      let roles = refresher.rolesInOrder
      return roles + Array(repeating: roles, count: more).joined().prefix(more)
    }
    func hasFailingFile(_ role: RoleName) -> Bool {
      onLook()
      return rolesWithFailingFiles.contains(role)
    }
    var rolesWithoutOutcome: Int { refresher.rolesWithoutOutcome }
    func becameReady() { starts += 1 }
  }

  private let bench: Bench
  private let backend: Backend
  private let manager = Manager()
  private let lines = LogRecorder()
  private let announcer: Announcer

  init() throws {
    bench = try Bench()
    backend = Backend(bench.refresher)
    announcer = try Announcer(backend: backend, manager: manager, scheduler: bench.scheduler, log: lines.log)
    bench.refresher.setObservers([announcer])
  }

  private func advance(_ span: Duration) { bench.scheduler.advance(by: span) }

  /// A daemon that is ready, with one role that has a session; the manager has heard so.
  private func start() -> ManagedRole {
    let role = bench.add("a")
    announcer.begin()
    bench.grantAll()
    settle()
    return role
  }

  /// The change has been reported, and a second has passed since.
  private func settle() {
    advance(.seconds(2))
    _ = manager.take()
  }

  private func fail(_ role: ManagedRole, _ kind: Failure.Kind, code: String = "Code") {
    bench.refresher.send(.refreshRequested, to: role)
    for id in bench.cloud.waiting { bench.fail(id, kind, code: code) }
  }

  // MARK: - Ready

  @Test func `it is ready when every role has had an outcome, good or bad, and says so once`() {
    for name in ["a", "b"] { bench.add(name) }
    announcer.begin()
    #expect(manager.all == ["status: fetching the first session of each of 2 roles"])
    advance(.seconds(3))
    bench.grant(bench.cloud.waiting[0])
    #expect(manager.all.count == 1 && backend.starts == 0 && lines.all.isEmpty)
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(manager.all.count == 2)
    let ready = "ready: 1 of 2 roles valid, 1 failing to refresh; if STS failed now, readers would keep their floor for"
    #expect(manager.all.last?.hasPrefix(ready) == true)
    #expect(backend.starts == 1 && lines.all == ["notice: ready; number of roles with a valid session count=1 total=2"])
    announcer.becomeReadyIfDone()
    advance(.seconds(20))
    #expect(manager.take().filter { $0 == "ready" } == ["ready"] && backend.starts == 1 && lines.all.count == 1)
  }

  @Test func `it isn't ready before the files are written`() {
    backend.filesAreAtRest = false
    bench.add("a")
    announcer.begin()
    bench.grantAll()
    #expect(manager.take() == ["status"])
    announcer.becomeReadyIfDone()
    #expect(manager.take().isEmpty)
    backend.filesAreAtRest = true
    announcer.becomeReadyIfDone()
    #expect(manager.take() == ["ready"])
  }

  @Test func `it isn't ready by the files of those that came first`() {
    for name in ["a", "b"] { bench.add(name) }
    announcer.begin()
    bench.grant(bench.cloud.waiting[0])
    announcer.becomeReadyIfDone()
    #expect(manager.take() == ["status"])
  }

  @Test func `after ten seconds it is ready whatever is missing`() {
    backend.filesAreAtRest = false
    bench.add("a")
    announcer.begin()
    advance(.milliseconds(9999))
    #expect(manager.take() == ["status"])
    advance(.milliseconds(1))
    #expect(manager.all == ["ready: 0 of 1 role valid; waiting for the first session: 'a'"])
    backend.filesAreAtRest = true
    bench.grantAll()
    #expect(manager.all.count { $0.hasPrefix("ready") } == 1)
  }

  /// A throttled cold start, refused connections and a tier's hosts weren't in it.
  @Test func `throttling, refused connections and other hosts are in the line, ready or not`() {
    backend.otherClauses = ["STS has throttled calls: now 0.09 of 2 per second", "fleet: 2 hosts"]
    _ = start()
    announcer.stateChanged()
    advance(.seconds(2))
    #expect(
      manager.all.last?.hasSuffix("; STS has throttled calls: now 0.09 of 2 per second; fleet: 2 hosts") == true,
      "\(manager.all)")
  }

  @Test func `without roles it is ready at once`() {
    announcer.begin()
    #expect(
      manager.all == [
        "status: fetching the first session of each of 0 roles", "ready: no roles in the settings",
      ])
    #expect(lines.all == ["notice: ready; number of roles with a valid session count=0 total=0"])
  }

  @Test func `changes and reloads before it is ready aren't reported`() {
    bench.add("a")
    announcer.begin()
    announcer.stateChanged()
    announcer.reloading()
    announcer.reloaded()
    advance(.seconds(9))
    #expect(manager.take() == ["status"])
  }

  // MARK: - Required roles

  private func require(_ name: String, _ isRequired: Bool = true) {
    var settings = bench.refresher.roles[RoleName(name)!]!.settings
    settings.isRequired = isRequired
    bench.refresher.change(bench.refresher.roles[RoleName(name)!]!, to: settings)
  }

  /// A start that waits for the role `a`, which fails, while `b` has a session.
  private func startWaiting() -> (a: ManagedRole, b: ManagedRole) {
    let roles = (bench.add("a"), bench.add("b"))
    require("a")
    announcer.begin()
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.grantAll()
    return roles
  }

  private static let waiting =
    "waiting for a credential of the required role 'a'; the last attempt failed: NoPermission: look"

  @Test func `a required role without a credential keeps it from being ready, and it says so and asks for time`() {
    _ = startWaiting()
    #expect(manager.all.last == "starting 20s: \(Self.waiting)")
    #expect(
      lines.all == [
        "notice: the start waits for required roles without a credential count=1 reason=\(Self.waiting)"
      ])
    _ = manager.take()
    // Past the longest wait, and past any TimeoutStartSec=: it asks twice as often as it has to.
    for _ in 0..<400 {
      advance(.seconds(10))
      let sent = manager.take()
      #expect(!sent.isEmpty && sent.allSatisfy { $0 == "starting 20s" })
    }
    #expect(backend.starts == 0 && lines.all.count == 1)
  }

  @Test func `it is ready as soon as the last required role has a credential`() {
    let (a, _) = startWaiting()
    require("b")
    advance(.seconds(60))
    _ = manager.take()
    bench.refresher.send(.refreshRequested, to: a)
    bench.grantAll()
    #expect(manager.all.last?.hasPrefix("ready: 2 of 2 roles valid") == true)
    #expect(backend.starts == 1)
    settle()
    advance(.seconds(20))
    #expect(manager.take().allSatisfy { $0 == "status" })
  }

  @Test func `others that fail, and others without an outcome, aren't waited for any longer than without it`() {
    for name in ["a", "b", "c"] { bench.add(name) }
    require("a")
    announcer.begin()
    bench.fail(bench.cloud.waiting[1], .permanent)
    bench.grant(bench.cloud.waiting[0])
    #expect(manager.take() == ["status"])
    advance(.seconds(10))
    #expect(manager.take().last == "ready")
  }

  @Test func `what happens while it waits is reported, at most once a second`() {
    let (a, _) = startWaiting()
    advance(.seconds(3))
    _ = manager.take()
    fail(a, .transient, code: "Connect")
    advance(.zero)
    #expect(manager.all == ["starting 20s: \(Self.waiting.replacing("NoPermission", with: "Connect"))"])
    _ = manager.take()
    announcer.stateChanged()
    advance(.milliseconds(900))
    #expect(manager.take().isEmpty)
    advance(.milliseconds(200))
    #expect(manager.take() == ["starting 20s"])
  }

  @Test func `the files of a role that was waited for have ten seconds, too`() {
    let (a, _) = startWaiting()
    advance(.seconds(60))
    backend.filesAreAtRest = false
    bench.refresher.send(.refreshRequested, to: a)
    bench.grantAll()
    advance(.milliseconds(9999))
    #expect(!manager.take().contains("ready"))
    advance(.milliseconds(1))
    #expect(manager.take().last == "ready")
  }

  @Test func `it is ready when the files of a role that was waited for are written`() {
    let (a, _) = startWaiting()
    advance(.seconds(60))
    backend.filesAreAtRest = false
    bench.refresher.send(.refreshRequested, to: a)
    bench.grantAll()
    advance(.seconds(1))
    #expect(!manager.take().contains("ready"))
    backend.filesAreAtRest = true
    announcer.becomeReadyIfDone()
    #expect(manager.take() == ["ready"])
  }

  @Test func `a required role that a process before left a session of is no reason to wait`() {
    bench.refresher.setObservers([])
    bench.add("a")
    require("a")
    bench.grantAll()
    announcer.begin()
    #expect(manager.take() == ["status", "ready"])
  }

  @Test(arguments: ["required is gone", "the role is gone"])
  func `a reload ends the wait, and is no reload for a manager that still starts the service`(_ change: String) {
    _ = startWaiting()
    announcer.reloading()
    if change == "the role is gone" { bench.refresher.remove(RoleName("a")!) } else { require("a", false) }
    _ = manager.take()
    announcer.becomeReadyIfDone()
    announcer.reloaded()
    #expect(manager.all.allSatisfy { $0.hasPrefix("ready: ") } && !manager.all.isEmpty)
    #expect(backend.starts == 1)
  }

  @Test func `a reload that leaves the role required, or that fails, goes on waiting`() {
    _ = startWaiting()
    _ = manager.take()
    announcer.reloading()
    announcer.becomeReadyIfDone()
    announcer.reloaded()
    #expect(manager.take().isEmpty)
    advance(.seconds(2))
    #expect(manager.take() == ["starting 20s"])
  }

  @Test func `a role that a reload makes required is waited for at a start, and not after it`() {
    let role = start()
    require("a")
    fail(role, .permanent)
    announcer.reloading()
    announcer.becomeReadyIfDone()
    announcer.reloaded()
    #expect(manager.take().filter { $0 != "status" } == ["reloading", "ready"])
  }

  @Test func `where the service counts as started already, a reload during the wait ends for the manager as well`()
    throws
  {
    let announcer = try Announcer(
      backend: backend, manager: manager, isActive: true, scheduler: bench.scheduler, log: lines.log)
    bench.refresher.setObservers([announcer])
    bench.add("a")
    require("a")
    announcer.begin()
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    _ = manager.take()
    announcer.reloading()
    announcer.reloaded()
    #expect(manager.all == ["reloading", "ready: \(Self.waiting)"])
  }

  @Test func `of many required roles it names five`() {
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
      bench.add(name)
      require(name)
    }
    announcer.begin()
    for id in bench.cloud.waiting { bench.fail(id, .permanent, code: "NoPermission") }
    #expect(
      manager.all.last
        == "starting 20s: waiting for a credential of the required roles 'a', 'b', 'c', 'd', 'e' and 2 more; "
        + "'a': the last attempt failed: NoPermission: look")
  }

  @Test func `a manager that is behind gets no more requests for time before it has the last ones`() {
    _ = startWaiting()
    _ = manager.take()
    manager.isBehind = true
    advance(.milliseconds(1002))
    #expect(manager.take() == ["status"])
    advance(.milliseconds(100))
    #expect(manager.take() == ["status"])
    manager.isBehind = false
    advance(.milliseconds(100))
    #expect(manager.take() == ["starting 20s"])
  }

  // MARK: - The line

  @Test func `a change is reported at once, and the next not before a second has passed`() {
    _ = start()
    for _ in 0..<3 { announcer.stateChanged() }
    advance(.zero)
    #expect(manager.take() == ["status"])
    announcer.stateChanged()
    advance(.milliseconds(600))
    announcer.stateChanged()
    advance(.milliseconds(400))
    #expect(manager.take().isEmpty, "a thousandth more for each role")
    advance(.milliseconds(1))
    #expect(manager.take() == ["status"])
  }

  @Test func `the more roles there are, the less often the line is sent`() {
    _ = start()
    backend.more = 499
    announcer.stateChanged()
    advance(.zero)
    _ = manager.take()
    announcer.stateChanged()
    advance(.milliseconds(1499))
    #expect(manager.take().isEmpty)
    advance(.milliseconds(1))
    #expect(manager.take() == ["status"])
  }

  @Test func `a session that comes, one that goes, an outcome and a report are changes`() {
    let role = start()
    let changes: [(String, () -> Void)] = [
      ("publish", { announcer.didPublish(role) }), ("withdraw", { announcer.didWithdraw(role) }),
      ("attempt", { announcer.didAttempt(role) }), ("report", { announcer.didReport(.lapsed, of: role) }),
    ]
    for (what, change) in changes {
      settle()
      change()
      advance(.zero)
      #expect(manager.take() == ["status"], "\(what)")
    }
  }

  @Test func `while nothing happens the line is sent again every half minute`() {
    _ = start()
    announcer.stateChanged()
    advance(.zero)
    _ = manager.take()
    for _ in 0..<3 {
      advance(.milliseconds(29_999))
      #expect(manager.take().isEmpty)
      advance(.milliseconds(1))
      #expect(manager.take() == ["status"])
    }
  }

  @Test
  func `while a role fails and may recover by itself the line is sent every two seconds, and as before after that`() {
    let role = start()
    fail(role, .transient)
    advance(.zero)
    #expect(manager.take() == ["status"])
    // The role's own retries hang: only time passes.
    for _ in 0..<3 {
      advance(.milliseconds(1999))
      #expect(manager.take().isEmpty)
      advance(.milliseconds(1))
      #expect(manager.take() == ["status"])
    }
    fail(role, .permanent)
    advance(.seconds(2))
    #expect(manager.take().first == "status")
    advance(.seconds(20))
    #expect(manager.take().isEmpty, "that doesn't change with time")
    fail(role, .transient, code: "Other")
    advance(.seconds(2))
    _ = manager.take()
    bench.refresher.send(.refreshRequested, to: role)
    bench.grantAll()
    settle()
    advance(.seconds(20))
    #expect(manager.take().isEmpty)
  }

  @Test func `with thousands of roles that is rarer, too`() {
    let role = start()
    backend.more = 2999
    advance(.seconds(4))
    fail(role, .transient)
    advance(.zero)
    _ = manager.take()
    advance(.milliseconds(3999))
    #expect(manager.take().isEmpty)
    advance(.milliseconds(1))
    #expect(manager.take() == ["status"])
  }

  @Test func `a manager that couldn't take it is tried again after a tenth of a second, until it can`() {
    _ = start()
    manager.isBehind = true
    announcer.stateChanged()
    advance(.zero)
    #expect(manager.take() == ["status"])
    for _ in 0..<3 {
      // A change doesn't put that off.
      announcer.stateChanged()
      advance(.milliseconds(99))
      #expect(manager.take().isEmpty)
      advance(.milliseconds(1))
      #expect(manager.take() == ["status"])
    }
    manager.isBehind = false
    advance(.milliseconds(100))
    #expect(manager.take() == ["status"])
    advance(.seconds(29))
    #expect(manager.take().isEmpty)
  }

  @Test func `a manager that couldn't take that it is ready is tried again, too`() {
    manager.isBehind = true
    announcer.begin()
    _ = manager.take()
    advance(.milliseconds(100))
    #expect(manager.take() == ["status"])
  }

  @Test func `the line names what is wrong with files, sources, certificates and settings`() throws {
    let role = start()
    let names = ["b", "c"]
    for name in names { bench.add(name) }
    bench.grantAll()
    backend.rolesWithFailingFiles = [RoleName("c")!, role.name]
    backend.sourceTroubles = ["source 'x': gone", "source 'y': refused"]
    backend.caFileReason = .caFile(error: "CA file '/ca' can't be read again")
    backend.refusal = SettingsRefusal(at: UTCTime(seconds: 0), ["no"])
    _ = manager.take()
    settle()
    announcer.stateChanged()
    advance(.zero)
    let line = try #require(manager.all.last)
    #expect(line.hasPrefix("status: 3 of 3 roles valid; if STS failed now, "))
    #expect(
      line.hasSuffix(
        "; files can't be written: 'a', 'c'; source 'x': gone; source 'y': refused; CA file '/ca' can't be read again; "
          + "the certificates read before are in force; degraded: the settings were refused at 1970-01-01T00:00:00Z, the old ones "
          + "are in force until the service is stopped"))
  }

  @Test func `sessions of an earlier process are an outcome, so a start with them is ready at once`() {
    bench.refresher.setObservers([])
    _ = bench.add("a")
    bench.grantAll()
    announcer.begin()
    #expect(manager.take() == ["status", "ready"])
  }

  @Test func `the line says which roles aren't refreshed any more, and not that they are lost`() throws {
    let role = start()
    fail(role, .permanent)
    advance(.zero)
    let line = try #require(manager.all.last)
    #expect(line.hasPrefix("status: 1 of 1 role valid, 1 failing to refresh; if STS failed now, "))
    #expect(line.hasSuffix("; not refreshed any more: 'a'"))
  }

  // MARK: - Slices

  /// Has looking at 16 roles take as long as others may wait, and a hundred roles; `body` is called once in the middle of the line.
  private func makeLooksLong(_ body: @escaping () -> Void = {}) {
    backend.more = 99
    var looks = 0
    backend.onLook = { [bench] in
      bench.scheduler.time = bench.scheduler.time + LoopSlice.length / 16
      looks += 1
      if looks == 50 { body() }
    }
  }

  @Test func `others have their turn while the line is made of many roles`() {
    _ = start()
    var turns = 0
    var others: (any Deferral)!
    // It holds itself.
    defer { others = nil }
    others = bench.scheduler.deferred { [manager] in
      turns += 1
      if manager.all.isEmpty { others.schedule() }
    }
    makeLooksLong { others.schedule() }
    announcer.stateChanged()
    advance(.zero)
    #expect(manager.all.count == 1 && manager.all[0].hasPrefix("status: 100 of 100 roles valid; "))
    #expect(turns == 3, "64 of 100 were looked at, 16 in each turn")
  }

  @Test func `what changes while the line is made is in the next one`() {
    _ = start()
    makeLooksLong { [announcer] in announcer.stateChanged() }
    announcer.stateChanged()
    advance(.zero)
    #expect(manager.take() == ["status"])
    advance(.milliseconds(1101))
    #expect(manager.take() == ["status"])
    advance(.milliseconds(1101))
    #expect(manager.take().isEmpty)
  }

  @Test func `a reload that ends while the line is made takes its place`() {
    _ = start()
    let reload = bench.scheduler.deferred { [announcer] in announcer.reloaded() }
    makeLooksLong { reload.schedule() }
    announcer.stateChanged()
    advance(.zero)
    #expect(manager.take() == ["ready"])
    advance(.seconds(29))
    #expect(manager.take().isEmpty)
  }

  // MARK: - Reload and end

  @Test func `a reload is reported when it begins, and ended by being ready again`() {
    _ = start()
    announcer.reloading()
    #expect(manager.take() == ["reloading"])
    announcer.reloaded()
    #expect(manager.all.count == 1 && manager.all[0].hasPrefix("ready: 1 of 1 role valid"))
    #expect(backend.starts == 1 && lines.all.count == 1, "the start isn't over again")
    _ = manager.take()
    // The line is as fresh as that.
    advance(.milliseconds(29_999))
    #expect(manager.take().isEmpty)
    advance(.milliseconds(1))
    #expect(manager.take() == ["status"])
  }

  @Test func `the end is reported as such, or with the keys that are missing`() {
    _ = start()
    announcer.stopping()
    backend.sourceTroubles = ["source 'x': gone", "source 'y': gone"]
    announcer.stoppingForKey()
    #expect(manager.all == ["stopping: stopped", "stopping: source 'x': gone; source 'y': gone"])
  }
}
