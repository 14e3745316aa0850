import Core
import Testing
import Wire

@testable import rolekeeper

@Suite struct StatusTableTests {
  static let long = String(repeating: "long-role-", count: 3) + "xy"
  static let roles = [
    RoleStatus(
      name: "uploader", state: .valid, accessKeyID: "STS.N1", expiresAt: UTCTime("2026-01-02T04:04:05Z"),
      expiresIn: .seconds(3210), headroom: .seconds(2010), generation: 17, nextRefreshIn: .seconds(510),
      reservation: ReservationStatus(
        duration: .hours(3), expiresAt: UTCTime("2026-01-02T06:04:05Z"), expiresIn: .seconds(9000), uids: [7, 1001])),
    RoleStatus(
      name: long, state: .belowFloor, expiresIn: .seconds(43_199), headroom: .seconds(43_199), generation: 123_456,
      nextRefreshIn: .seconds(43_199),
      lastError: LastError(
        Failure(
          .permanent, code: "NoPermission", httpStatus: 403, requestID: "5F2C",
          advice: "allow the user in the role's trust policy, and give that user AliyunSTSAssumeRoleAccess"),
        since: UTCTime("2026-01-02T03:00:00Z"))),
    RoleStatus(
      name: "archive", state: .lapsed, nextRefreshIn: .seconds(30),
      outputs: [
        OutputStatus(path: "/srv/app/good.json", generation: 3),
        OutputStatus(
          path: "/srv/app/credentials/bad.json", generation: nil, lastError: "read-only file system; add a drop-in",
          since: UTCTime("2026-01-02T03:00:00Z")),
      ]),
  ]
  static let report = StatusReport(
    version: "0.1.0", pid: 4711, startedAt: nil, roles: roles,
    sources: [
      SourceStatus(
        name: "main", type: "access-key", state: .keyNotTaken, accessKeyID: "LTAI5t",
        inUseSince: UTCTime("2026-01-01T00:00:00Z"),
        error: LastError(
          file: "the key is in a file that is gone, and the words of this sentence have to be broken", since: nil))
    ],
    endpoints: ["a", "b"].map {
      EndpointStatus(
        endpoint: "sts-vpc.\($0)-a-very-long-region-name.aliyuncs.com", answers: 123_456, failures: 7,
        lastAnswerAt: UTCTime("2026-01-01T00:00:01Z"),
        latestFailure: "ConnectTimeout")
    },
    rate: RateStatus(requestsPerSecond: 0.5, configured: 2, queued: 0), health: Health(of: roles))

  private func lines(_ width: Int?, colours: Bool = false, report: StatusReport? = Self.report) -> [String] {
    StatusTable.render(
      Self.roles, report: report, on: Terminal(width: width, wantsColours: colours), userName: { "user\($0)" }
    ).split(separator: "\n").map(String.init)
  }

  @Test(arguments: [60, 80, 100, 200])
  func `on a terminal no line is longer than it is wide`(width: Int) {
    for line in lines(width) { #expect(line.count <= width, "\(line)") }
    for line in lines(width, report: nil) { #expect(line.count <= width, "\(line)") }
  }

  @Test func `nothing that is needed is left out of 80 columns`() {
    let text = lines(80).joined(separator: "\n")
    for role in Self.roles { #expect(text.contains("\n\(role.name) ")) }
    for word in ["ROLE", "STATE", "EXPIRES IN", "NoPermission since 2026-01-02T03:00:00Z", "user7, user1001"] {
      #expect(text.contains(word), "\(word) in:\n\(text)")
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    #expect(words.contains("AliyunSTSAssumeRoleAccess"), "the error is whole")
  }

  /// It was shown with the time of the first failure in a row, which may have been another one.
  @Test func `an error that isn't the first in a row has its own time`() {
    var role = Self.roles[2]
    role.lastError = LastError(
      Failure(.permanent, code: "NoPermission", advice: "allow it"), since: UTCTime("2026-01-02T03:00:00Z"),
      at: UTCTime("2026-01-02T04:00:00Z"))
    let cell = StatusTable.error(of: role)
    #expect(cell.text == "NoPermission at 2026-01-02T04:00:00Z, failing since 2026-01-02T03:00:00Z: allow it")
  }

  /// "AccessKeyFile: AccessKey file '/k': …"
  @Test func `an error of a key file isn't introduced by its code, others are`() {
    let fileLine = lines(200).first { $0.contains("source 'main':") } ?? ""
    #expect(fileLine.hasPrefix("source 'main': the key is in a file that is gone"), "\(fileLine)")
    var report = Self.report
    report.sources[0].error = LastError(
      Failure(.permanent, code: "InvalidAccessKeyId.NotFound", advice: "make one"), since: nil)
    let refusal = lines(200, report: report).first { $0.contains("source 'main':") } ?? ""
    #expect(refusal.hasPrefix("source 'main': InvalidAccessKeyId.NotFound: make one"), "\(refusal)")
  }

  @Test func `roles with short names have all columns in 80`() {
    let header = StatusTable.render(
      [Self.roles[0]], report: nil, on: Terminal(width: 80, wantsColours: false), userName: { "\($0)" }
    ).split(separator: "\n")[0]
    for title in ["ROLE", "STATE", "EXPIRES IN", "HEADROOM", "GEN", "NEXT REFRESH"] { #expect(header.contains(title)) }
  }

  @Test func `into a pipe each role is one line with its error, and no colours`() throws {
    let lines = lines(nil)
    let line = try #require(lines.first { $0.hasPrefix(Self.long) })
    #expect(line.contains("NoPermission") && line.hasSuffix("AliyunSTSAssumeRoleAccess"))
    #expect(!lines.joined().contains("\u{1B}"))
  }

  private static let regions: StatusReport = {
    var report = StatusTableTests.report
    report.endpoints = [
      EndpointStatus(
        endpoint: "sts.cn-shanghai.aliyuncs.com", answers: 12, failures: 0, throttled: 3, lastAnswerAt: nil,
        latestFailure: "Throttling.User", region: RegionStatus(.throttled, requestsPerSecond: 0.5)),
      EndpointStatus(
        endpoint: "sts.cn-hangzhou.aliyuncs.com", answers: 4, failures: 0, lastAnswerAt: nil, latestFailure: nil,
        region: RegionStatus(.working, requestsPerSecond: 2)),
    ]
    return report
  }()

  @Test func `regions are shown in the host's order, with their state and rate`() {
    let lines = lines(nil, report: Self.regions)
    let title = lines.firstIndex { $0.hasPrefix("STS REGION ") }
    let words = lines[(title ?? 0)...].prefix(3).map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    #expect(words[1].prefix(6) == ["sts.cn-shanghai.aliyuncs.com", "throttled", "0.5", "12", "3", "0"], "\(lines)")
    #expect(words[2].prefix(6) == ["sts.cn-hangzhou.aliyuncs.com", "working", "2", "4", "0", "0"])
    for width in [60, 80, 100, 200] {
      for line in self.lines(width, report: Self.regions) { #expect(line.count <= width, "\(line)") }
    }
  }

  @Test func `a machine of a tier shows its hosts, and a host its certificate`() {
    var report = Self.report
    report.fleet = FleetStatus(
      hosts: 187, refused: 2, waiting: 143, proxy: "rolekeeper-nginx", proxyUID: 990,
      proxySeen: (at: UTCTime(seconds: 0), ago: .seconds(2)), connections: 146, mostConnections: 1024,
      refusedConnections: 0)
    report.sources[0].certificate = CertificateStatus(
      name: "web1.prod.example", validFrom: UTCTime(seconds: 0), validUntil: UTCTime(seconds: 1_767_312_000),
      isRenewalDue: false)
    report.health = Health([.connections(refused: 3, most: 100, inSettings: 100)])
    let lines = lines(nil, report: report)
    for line in [
      "fleet: 187 hosts in the last 10 min, 143 waiting, 2 refused; proxy 'rolekeeper-nginx' last seen 2s ago; connections 146 of 1024",
      "source 'main': certificate of 'web1.prod.example' until 2026-01-02T00:00:00Z",
      "all 100 connections were taken, and 3 were refused; raise 'max_connections' in [socket] and reload",
    ] { #expect(lines.contains(line), "\(lines)") }
    for width in [60, 80, 100] {
      for line in self.lines(width, report: report) { #expect(line.count <= width, "\(line)") }
    }
  }

  @Test func `files are shown where they fail, and all of them for one role`() {
    let table = lines(nil).joined(separator: "\n")
    #expect(
      table.contains(
        "/srv/app/credentials/bad.json  archive  -    2026-01-02T03:00:00Z  read-only file system; add a drop-in"))
    #expect(!table.contains("good.json"))
    let detail = RoleDetail.render(Self.roles[2], on: Terminal(width: nil, wantsColours: false), userName: { "\($0)" })
    #expect(detail.contains("/srv/app/good.json: generation 3\n"))
    #expect(
      detail.contains(
        "/srv/app/credentials/bad.json: no valid credential in it; not as it should be since 2026-01-02T03:00:00Z: read-only"
      ), "\(detail)")
  }

  /// After a restart in an outage it said of a file with a good credential that there was none in it.
  @Test func `what an earlier daemon left in a file is shown, and what isn't known is called so`() {
    let role = RoleStatus(
      name: "a", state: .waiting,
      outputs: [
        OutputStatus(path: "/srv/old.json", generation: 3, expiresAt: UTCTime("2026-01-02T04:00:00Z")),
        OutputStatus(
          path: "/srv/older.json", generation: nil, content: .valid, expiresAt: UTCTime("2026-01-02T04:00:00Z")),
        OutputStatus(path: "/srv/hidden.json", generation: nil, content: .unknown),
        OutputStatus(path: "/srv/none.json", generation: nil),
      ])
    let detail = RoleDetail.render(role, on: Terminal(width: nil, wantsColours: false), userName: { "\($0)" })
    for line in [
      "/srv/old.json: generation 3, expires at 2026-01-02T04:00:00Z\n",
      "/srv/older.json: a credential of a generation that isn't known, expires at 2026-01-02T04:00:00Z\n",
      "/srv/hidden.json: not known what is in it\n", "/srv/none.json: no valid credential in it\n",
    ] { #expect(detail.contains(line), "\(detail)") }
  }

  @Test func `units are shown for one role, with what became of their reloads`() {
    var role = Self.roles[0]
    let at = UTCTime("2026-01-02T03:05:05Z")
    role.units = [
      UnitRefreshStatus(unit: "a.service", result: .done, generation: 17, at: at),
      UnitRefreshStatus(unit: "b.service", result: .notAllowed, generation: 17, at: at, lastError: "no"),
    ]
    let detail = RoleDetail.render(role, on: Terminal(width: nil, wantsColours: false), userName: { "\($0)" })
    #expect(detail.contains("  a.service: done for generation 17 at 2026-01-02T03:05:05Z\n"), "\(detail)")
    #expect(detail.contains("  b.service: not allowed for generation 17 at 2026-01-02T03:05:05Z: no\n"), "\(detail)")
  }

  @Test func `colours take no room`() {
    func bare(_ line: String) -> String {
      var text = line
      for colour in ["\u{1B}[32m", "\u{1B}[33m", "\u{1B}[31m", "\u{1B}[2m", "\u{1B}[0m"] {
        text = text.replacing(colour, with: "")
      }
      return text
    }
    let coloured = lines(80, colours: true)
    #expect(coloured.joined().contains("\u{1B}[32m"))
    #expect(coloured.map(bare) == lines(80))
  }

  @Test func `the headline is about the roles that work, and names the others`() {
    let line = lines(nil)[0]
    #expect(
      line
        == "rolekeeper 0.1.0, pid 4711: 2 of 3 roles valid, 1 failing to refresh; if STS failed now, readers would keep their "
        + "floor for 33min30s ('uploader' first); without a credential: 'archive'; below the floor: '\(Self.long)'"
        + "; files can't be written: 'archive'")
  }

  /// It said "now 0.30000000000000004 of 2.0 per second".
  @Test func `a rate is shown with the digits that mean something`() {
    var report = Self.report
    for (number, text) in [(0.1 + 0.2, "0.3"), (1.2345, "1.23"), (1, "1"), (0.0009, "0.0009")] {
      report.rate = RateStatus(requestsPerSecond: number, configured: 2, queued: 0)
      #expect(lines(nil, report: report).contains("STS has throttled calls: now \(text) of 2 per second are allowed"))
    }
  }

  @Test func `one role is shown with everything there is to know`() {
    let text = RoleDetail.render(
      Self.roles[0], on: Terminal(width: 80, wantsColours: false), userName: { "user\($0)" })
    for words in [
      "uploader", "valid", "STS.N1", "53min30s (2026-01-02T04:04:05Z)", "33min30s", "17", "8min30s",
      "a session of 3h, expires in 2h30min, held by user7, user1001",
    ] { #expect(text.contains(words), "\(words) in:\n\(text)") }
    let failing = RoleDetail.render(Self.roles[1], on: Terminal(width: 50, wantsColours: false), userName: { "\($0)" })
    for line in failing.split(separator: "\n") { #expect(line.count <= 50, "\(line)") }
    #expect(failing.split(whereSeparator: \.isWhitespace).contains("5F2C)"))
  }

  @Test func `the machines of a tier have a table, and a role that falls back a remark`() {
    var source = SourceStatus(name: "tier", type: "upstream", state: .working)
    func render(_ role: RoleStatus) -> String {
      let report = StatusReport(
        version: "0.1.0", pid: 4711, startedAt: nil, roles: [role], sources: [source], endpoints: [],
        rate: RateStatus(requestsPerSecond: 5, configured: 5, queued: 0), health: Health([]))
      return StatusTable.render([role], report: report, on: Terminal(width: nil, wantsColours: false)) { "\($0)" }
    }
    let machines = [
      EndpointStatus(
        endpoint: "https://tier1", answers: 3, failures: 2, lastAnswerAt: UTCTime("2026-11-30T21:00:00Z"),
        latestFailure: "Connect"),
      EndpointStatus(endpoint: "https://tier2", answers: 7, failures: 0, lastAnswerAt: nil, latestFailure: nil),
    ]
    source.tier = TierStatus(
      machine: nil, host: nil, url: nil, bundleAt: nil, confirmedAt: nil, nextAt: nil, roles: nil, urls: machines)
    var role = RoleStatus(name: "uploader", state: .valid)
    let none = render(role)
    #expect(none.contains("source 'tier': the tier, no bundle yet"))
    for text in ["MACHINE OF 'tier'", "https://tier1", "2026-11-30T21:00:00Z", "Connect", "https://tier2"] {
      #expect(none.contains(text), "\(none)")
    }
    source.tier = TierStatus(
      machine: "tier2", host: "web7", url: "https://tier2", bundleAt: UTCTime("2026-11-30T21:00:00Z"),
      confirmedAt: UTCTime("2026-11-30T21:09:00Z"), nextAt: nil, roles: 1, urls: machines)
    role.source = RoleSource(name: "tier", state: .working)
    role.source?.directSince = UTCTime("2026-11-30T21:08:00Z")
    let direct = render(role)
    #expect(
      direct.contains(
        "the tier of 'tier2' at https://tier2, bundle of 2026-11-30T21:00:00Z, confirmed 2026-11-30T21:09:00Z"))
    #expect(direct.contains("from STS (fallback) since 2026-11-30T21:08:00Z"), "\(direct)")
  }
}

@Suite struct TextLayoutTests {
  @Test func `text is broken at blanks, and a word that is too long anywhere`() {
    #expect(TextLayout.wrapped("one two three four", width: 13, indent: "  ") == ["one two three", "  four"])
    #expect(TextLayout.wrapped("1234567890123456789 x", width: 10) == ["1234567890", "123456789", "x"])
    #expect(TextLayout.wrapped("one two", width: nil) == ["one two"])
    #expect(TextLayout.wrapped("", width: 20) == [""])
  }
}
