import Core
import Logs
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import HTTPServer
@testable import SocketAPI

/// Answers about all roles, made role by role while roles are added and removed.
@Suite final class RoleReportsTests {
  private let bench: Bench
  private let backend: Backend
  private let service: SocketService
  private let root = Peer(uid: 0, gid: 0, pid: 1, groups: [])
  private let reader = Peer(uid: 1001, gid: 1001, pid: 1, groups: [])

  /// Evaluating a role takes 400 µs.
  private final class Backend: SocketBackend {
    unowned let bench: Bench
    var failingFiles: [RoleName: [OutputStatus]] = [:]
    var general: [Health.Reason] = []
    /// Called before a role is evaluated.
    var looking: (ManagedRole) -> Void = { _ in }

    init(_ bench: Bench) { self.bench = bench }

    var socketPath: String { "/run/s" }
    func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) { completion(.refused([])) }

    func status(of role: ManagedRole, at now: Timestamp) -> RoleStatus {
      looking(role)
      bench.scheduler.time = bench.scheduler.time + .microseconds(400)
      return role.status(at: now, clock: bench.refresher.clock)
    }

    func statusReport(_ health: Health) -> StatusReport {
      StatusReport(
        version: "1", pid: 2, startedAt: UTCTime(seconds: 3), roles: [],
        sources: [SourceStatus(name: "main", type: "access-key", state: .working)],
        endpoints: [EndpointStatus(endpoint: "sts", answers: 4, failures: 5, lastAnswerAt: nil, latestFailure: nil)],
        rate: RateStatus(requestsPerSecond: 6.5, configured: 7, queued: 8), health: health,
        caFile: CAFileStatus(path: "/ca"))
    }

    func sessionReason(of role: ManagedRole, at now: Timestamp) -> Health.Reason? {
      role.isValid(at: now) ? nil : .noSession(role: role.name.description, code: role.machine.lastFailure?.code)
    }

    func outputReasons(of role: ManagedRole) -> [Health.Reason] {
      failingFiles[role.name, default: []].compactMap { file in
        file.lastError.map { .output(role: role.name.description, path: file.path, error: $0) }
      }
    }

    func generalReasons() -> [Health.Reason] { general }
    func health(of role: ManagedRole) -> Health { Health([]) }

    func figures() -> DaemonFigures {
      DaemonFigures(
        started: UTCTime(seconds: 1), now: UTCTime(seconds: 2), clockOffset: .milliseconds(1500),
        reloads: ReloadCounts(),
        rate: 8, inFlight: 1, sources: [], endpoints: [], isCAFileUsed: true, server: ServerStatistics())
    }

    func outputFigures(of role: ManagedRole) -> OutputFigures? {
      looking(role)
      bench.scheduler.time = bench.scheduler.time + .microseconds(400)
      return failingFiles[role.name].map { OutputFigures(role: role.name, files: $0, drifts: 3) }
    }
  }

  init() throws {
    bench = try Bench()
    backend = Backend(bench)
    service = try SocketService(
      scheduler: bench.scheduler, backend: backend, refresher: bench.refresher,
      access: AccessPolicy(ownUID: 0, admins: AccessRule()), log: LogRecorder().log)
  }

  private func add(_ names: String...) {
    for name in names { bench.add(name) }
    bench.grantAll()
    bench.grantAll()
  }

  private func remove(_ name: String) { bench.refresher.remove(RoleName(name)!) }

  private static func body(_ response: Response) -> String {
    var bytes: [UInt8] = []
    for part in [response.body].compactMap(\.self) + response.rest {
      part.withBytes { $0.withUnsafeBufferPointer { bytes += $0 } }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The whole of an answer; `between` is called after so many steps.
  private func whole(_ maker: any AnswerMaker, after bits: Int = .max, _ between: () -> Void = {}) -> String {
    for bit in 1... {
      if let response = maker.step() { return Self.body(response) }
      if bit == bits { between() }
    }
    return ""
  }

  private func text(_ document: some WireDocument) -> String { String(decoding: document.rendered(), as: UTF8.self) }

  private func names(_ list: String) throws -> [String] {
    try RoleList(parsing: Array(list.utf8).span).roles.map(\.name)
  }

  /// The status of each role as written in its turn.
  private func statuses() -> [RoleStatus] {
    bench.refresher.rolesInOrder.enumerated().map { place, role in
      role.status(at: bench.now + .microseconds(400 * Int64(place)), clock: bench.refresher.clock)
    }
  }

  @Test func `a list made in slices is the same as in one piece, sorted by name`() throws {
    add("b", "c", "a")
    let expected = statuses()
    #expect(expected.map(\.name) == ["a", "b", "c"])
    #expect(whole(RoleListMaker(service, for: root)) == text(RoleList(expected, isAdmin: true)))
  }

  @Test func `a list without roles is valid, too`() {
    #expect(whole(RoleListMaker(service, for: reader)) == text(RoleList([], isAdmin: false)))
    add("a")
    #expect(whole(RoleListMaker(service, for: reader)) == text(RoleList([], isAdmin: false)))
  }

  @Test func `a reader who may no longer read a role isn't shown it`() throws {
    add("a", "b")
    service.access = AccessPolicy(ownUID: 0, admins: AccessRule(uids: [1001]))
    let list = whole(RoleListMaker(service, for: reader), after: 1) {
      service.access = AccessPolicy(ownUID: 0, admins: AccessRule())
    }
    #expect(try names(list) == ["a"])
  }

  @Test func `a report made in slices is the same as in one piece`() {
    add("b", "a")
    bench.add("new")
    backend.failingFiles[RoleName("a")!] = [OutputStatus(path: "/f", generation: nil, lastError: "full")]
    backend.general = [.caFile(error: "gone")]
    let health = Health([
      .noSession(role: "new", code: nil), .output(role: "a", path: "/f", error: "full"), .caFile(error: "gone"),
    ])
    var expected = backend.statusReport(health)
    expected.roles = statuses()
    #expect(expected.roles.count == 3 && !expected.isHealthy)
    #expect(whole(StatusMaker(service)) == text(expected))
  }

  @Test func `a report without roles and reasons is valid, too`() {
    add("a")
    var expected = backend.statusReport(Health([]))
    expected.roles = statuses()
    #expect(whole(StatusMaker(service)) == text(expected))
    remove("a")
    #expect(whole(StatusMaker(service)) == text(backend.statusReport(Health([.noRoles()]))))
  }

  @Test func `the health counts the affected roles and all roles`() {
    #expect(whole(HealthMaker(service)).contains("there are no roles"))
    add("a", "b")
    #expect(whole(HealthMaker(service)) == text(HealthAnswer(Health([]), roles: 2)))
    backend.general = [.caFile(error: "gone")]
    #expect(
      whole(HealthMaker(service)) == text(HealthAnswer(Health([.caFile(error: "gone")]), roles: 2)))
    for number in 0..<20 { bench.add("new\(number)") }
    #expect(whole(HealthMaker(service)).contains("20 of 22 roles have no valid session; the CA file"))
  }

  @Test func `roles removed or added meanwhile are shown once or not at all`() throws {
    add("a", "c", "e")
    let list = whole(RoleListMaker(service, for: root), after: 1) {
      remove("a")
      remove("e")
      add("b", "e", "f")
    }
    #expect(try names(list) == ["a", "c", "e"])
    let report = whole(StatusMaker(service), after: 2) { remove("b") }
    #expect(try StatusReport(parsing: Array(report.utf8).span).roles.map(\.name) == ["b", "c", "e", "f"])
  }

  @Test func `after a reload the answer follows only the new settings`() throws {
    add("a", "b", "c", "d")
    var asked = 0
    backend.looking = { [unowned self] role in
      asked += 1
      if asked == 3 {
        #expect(role.name == RoleName("c"))
        remove("a")
        add("aa")
        service.settingsChanged()
      }
    }
    let token = ResponseToken(slot: 0, serial: 1)
    #expect(service.listRoles(for: root, token) == nil, "it takes longer than a slice")
    bench.scheduler.settle()
    // Its client is gone, but it is cached.
    let kept = try #require(service.listRoles(for: root, token))
    #expect(try names(Self.body(kept)) == ["aa", "b", "c", "d"])
  }

  @Test func `a role's figures are consistent though others changed in between`() throws {
    add("a", "b")
    let text = whole(MetricsMaker(service), after: 1) { remove("b") }
    for metric in ["rolekeeper_generation", "rolekeeper_role_state", "rolekeeper_headroom_seconds"] {
      let samples = text.split(separator: "\n").filter { $0.hasPrefix("\(metric){") }
      #expect(samples.count == 2, "\(metric) of each role once")
    }
  }

  @Test func `the samples of a metric stand together, after its help and type`() {
    for number in 0..<40 { add("r\(number)") }
    backend.failingFiles[RoleName("r3")!] = [OutputStatus(path: "/f\"", generation: 4, lastError: "full")]
    let text = whole(MetricsMaker(service))
    var seen: Set<Substring> = []
    var metric: Substring = ""
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# HELP ") {
        metric = line.split(separator: " ")[2]
        #expect(seen.insert(metric).inserted, "\(metric) comes once")
      } else if line.hasPrefix("# TYPE ") {
        #expect(line.split(separator: " ")[2] == metric)
      } else {
        #expect(line.prefix { $0 != "{" && $0 != " " } == metric)
      }
    }
    #expect(seen.count == 66)
    for line in [
      #"rolekeeper_output_failing{role="r3",path="/f\""} 1"#, #"rolekeeper_output_generation{role="r3",path="/f\""} 4"#,
      #"rolekeeper_output_drifts_total{role="r3"} 3"#, "rolekeeper_clock_offset_seconds 1.5", "rolekeeper_sts_rate 8",
      #"rolekeeper_attempts_total{role="r0",code="Success"} 1"#, #"rolekeeper_generation{role="r39"} 1"#,
      "rolekeeper_health 1", #"rolekeeper_role_state{role="r0",state="valid"} 1"#,
      #"rolekeeper_reloads_total{outcome="done"} 0"#,
    ] { #expect(text.contains("\n\(line)\n"), "\(line)") }
  }

  @Test func `the metrics report the worst health`() {
    func health() -> Bool? {
      whole(MetricsMaker(service)).split(separator: "\n").first { $0.hasPrefix("rolekeeper_health ") }.map {
        $0 == "rolekeeper_health 2"
      }
    }
    #expect(health() == false, "no roles is a state")
    add("a", "c")
    #expect(whole(MetricsMaker(service)).contains("\nrolekeeper_health 0\n"))
    backend.general = [.caFile(error: "gone")]
    #expect(whole(MetricsMaker(service)).contains("\nrolekeeper_health 1\n"))
    backend.failingFiles[RoleName("a")!] = [OutputStatus(path: "/f", generation: nil, lastError: "full")]
    bench.add("b")
    #expect(health() == true)
  }
}
