import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Endpoints that can't be reached, and others that can. A reader uses whatever it gets all the while.
@Suite(.serialized) struct FallbackTests {
  /// Two ways to one cloud, of which the first can be closed; sessions live for four seconds.
  final class Ways {
    let lab: Lab
    let first: BreakableRelay
    let second: BreakableRelay

    init(lifetime: String? = "4s") throws {
      lab = try Lab(RealmDraft(lifetime: lifetime, roles: ["uploader"])) { draft in
        draft.roles = [SettingsDraft.Role("uploader")]
        draft.level = "debug"
      }
      first = try BreakableRelay(to: lab.emulator.port, in: lab.directory, named: "first")
      second = try BreakableRelay(to: lab.emulator.port, in: lab.directory, named: "second")
      lab.draft.endpoint = first.endpoint
      lab.draft.sts += "\nconnect_timeout = \"1s\"\nfallback_endpoints = [\"\(second.endpoint)\"]"
      try lab.writeSettings()
    }

    /// Waits until `count` more sessions have come.
    func rotate(_ count: Int) throws {
      let events = try lab.daemon.events()
      for _ in 0..<count { try lab.await(events) { $0.kind == .rotated } }
    }
  }

  struct Case: CustomStringConvertible {
    let mode: BreakableRelay.Mode
    /// What status says of the first endpoint meanwhile.
    let code: String
    /// Whether requests reached the first, which then were two for one session.
    var passesRequests = false
    var description: String { "\(mode)" }
  }

  static let cases = [
    Case(mode: .refuse, code: "Connect"),
    Case(mode: .silent, code: "ConnectTimeout"),
    Case(mode: .cut, code: "TLS"),
    Case(mode: .garbage, code: "TLS"),
    Case(mode: .cutAnswer, code: "NoAnswer", passesRequests: true),
    Case(mode: .holdAnswer, code: "Timeout", passesRequests: true),
  ]

  /// A case with a daemon of its own, whose log is about nothing else, and a reader. All of them stand at once.
  private final class Stand {
    let row: Case
    let ways: Ways
    let reader: Reader
    let start: ContinuousClock.Instant

    init(_ row: Case) throws {
      self.row = row
      ways = try Ways(lifetime: "\(FallbackTests.lifetime)s")
      try ways.lab.start()
      #expect(try ways.second.connections() == 0, "\(row): the first does as long as it answers")
      reader = try Reader(of: ["uploader"], at: ways.lab, interval: 0.2)
      start = try ways.lab.awaitUse()
    }

    func sessions() throws -> UInt64 { try ways.lab.status("uploader").generation }
  }

  /// In seconds; a step of three has room for an answer that is held back for as long.
  static let lifetime = 12

  @Test func `a fallback serves while the first endpoint gives no answer, and the first when it is back`() throws {
    let stands = try Self.cases.map { try Stand($0) }
    for stand in stands { try stand.ways.first.become(stand.row.mode) }
    try eventually("six sessions of each fallback", within: 60) {
      try stands.allSatisfy { stand in
        let endpoints = try stand.ways.lab.report().endpoints
        return endpoints[0].failures >= 6 && endpoints[1].answers >= 6
      }
    }
    for stand in stands { try expectFallback(stand) }

    for stand in stands { try stand.ways.first.become(.open) }
    for stand in stands {
      try stand.ways.lab.daemon.awaitLog("notice: the first STS endpoint answers again", stand.ways.first.endpoint)
    }
    let before = try stands.map { (try $0.ways.second.connections(), try $0.sessions()) }
    try eventually("two more sessions of each first", within: 30) {
      try zip(stands, before).allSatisfy { stand, before in try stand.sessions() >= before.1 + 2 }
    }
    for (stand, before) in zip(stands, before) {
      #expect(try stand.ways.second.connections() == before.0, "\(stand.row): the first does again")
      #expect(stand.ways.lab.daemon.logLines("the first STS endpoint answers again").count == 1, "\(stand.row)")
    }
    for stand in stands { try expectNothingLost(stand) }
  }

  /// What is said while the fallback serves.
  private func expectFallback(_ stand: Stand) throws {
    let (row, lab, first, second) = (stand.row, stand.ways.lab, stand.ways.first, stand.ways.second)
    let logged = lab.daemon.logLines("warning: a fallback endpoint of STS answers", second.endpoint, row.code)
    #expect(logged.count == 1, "\(row): \(lab.daemon.log)")
    #expect(try lab.status("uploader").lastError == nil, "\(row): an endpoint that fails is no role that fails")
    let endpoints = try lab.report().endpoints
    #expect(endpoints.map(\.endpoint) == [first.endpoint, second.endpoint], "\(row)")
    #expect(endpoints[0].latestFailure == row.code && endpoints[1].latestFailure == nil, "\(row): \(endpoints)")
    let metrics = try lab.daemon.get("/metrics").body
    #expect(metrics.contains(#"rolekeeper_sts_answers_total{endpoint="\#(second.endpoint)"} "#), "\(row)")
    #expect(metrics.contains(#"rolekeeper_sts_unanswered_total{endpoint="\#(first.endpoint)"} "#), "\(row)")
    let table = try lab.rolekeeper("status").output
    #expect(table.contains("STS ENDPOINT") && table.contains(second.endpoint), "\(row): \(table)")
  }

  /// Over two lifetimes STS took whatever was read, and each request was signed for the host it went to.
  private func expectNothingLost(_ stand: Stand) throws {
    let (row, lab) = (stand.row, stand.ways.lab)
    try watch(for: .seconds(2 * Self.lifetime + 1), since: stand.start)
    let findings = try stand.reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(row): \(findings)\n\(lab.daemon.log)")
    let calls = try lab.emulator.calls(of: "uploader")
    #expect(calls.allSatisfy { $0.result == "OK" }, "\(row): each was signed for its host: \(calls)")
    #expect(Set(calls.map(\.nonce)).count == calls.count, "\(row): no request was sent twice")
    let hosts = [stand.ways.first.endpoint, stand.ways.second.endpoint]
    #expect(Set(calls.map(\.host)) == Set(hosts), "\(row)")
    if !row.passesRequests {
      // The daemon asks whose its key is, too. The first serves by now, so none is under way to the second.
      let requests = try lab.emulator.requests(to: hosts[1])
      #expect(try lab.report().endpoints[1].answers == requests.count, "\(row): \(requests)")
    }
  }

  @Test func `a name that leads nowhere, and a certificate of another name, are passed over`() throws {
    let ways = try Ways()
    ways.lab.draft.endpoint = "sts.invalid"
    ways.lab.draft.sts = ways.lab.draft.sts.replacing(
      "[\"\(ways.second.endpoint)\"]",
      with: "[\"localhost.localdomain:\(ways.first.port)\", \"\(ways.second.endpoint)\"]")
    try ways.lab.writeSettings()
    let daemon = try ways.lab.start()
    let reader = try Reader(of: ["uploader"], at: ways.lab)
    let start = try ways.lab.awaitUse()
    try watch(for: .seconds(9), since: start)
    #expect(try ways.lab.report().endpoints.map(\.latestFailure).prefix(1) == ["NameResolution"])
    #expect(try ways.lab.report().endpoints[1].latestFailure != nil)
    #expect(daemon.logLines("warning: a fallback endpoint of STS answers", ways.second.endpoint).count == 1)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 8) && findings.rotations["uploader", default: 0] >= 3, "\(findings)")
  }

  @Test func `an HTTP answer of any kind is an answer`() throws {
    let ways = try Ways(lifetime: nil)
    try ways.lab.start()
    for (fault, code) in [
      ("status=503&code=ServiceUnavailable", "ServiceUnavailable"), ("status=403&code=NoPermission", "NoPermission"),
      ("status=429&code=Throttling.User", "Throttling.User"),
    ] {
      try ways.lab.emulator.fault("kind=error&\(fault)")
      #expect(try ways.lab.daemon.post("/v1/roles/uploader/refresh").status == 202)
      try eventually("\(code) is reported") { try ways.lab.status("uploader").lastError?.code == code }
      try ways.lab.emulator.clearFaults()
    }
    #expect(try ways.second.connections() == 0)
  }

  @Test func `when none answers the role's error names the first and the others' codes`() throws {
    let ways = try Ways()
    let daemon = try ways.lab.start()
    try ways.first.become(.silent)
    try ways.second.become(.refuse)
    try daemon.awaitLog("refresh failed", "code=ConnectTimeout", "the other endpoints gave no answer either (Connect)")
    let error = try #require(try ways.lab.status("uploader").lastError)
    #expect(error.code == "ConnectTimeout" && error.advice.contains("(Connect)"))
    try ways.second.become(.open)
    try daemon.awaitLog("refresh works again")
    #expect(daemon.logLines("a fallback endpoint of STS answers").count == 1)
  }

  @Test func `where an endpoint comes and goes the log isn't flooded`() throws {
    let ways = try Ways()
    let daemon = try ways.lab.start()
    for _ in 0..<6 {
      try ways.first.become(.refuse)
      try ways.rotate(2)
      try ways.first.become(.open)
      try ways.rotate(2)
    }
    let logged =
      daemon.logLines("a fallback endpoint of STS answers").count + daemon.logLines("the first STS endpoint").count
    #expect(logged == 4)
    #expect(try ways.lab.report().endpoints[0].failures >= 6, "the figures tell it all")
  }

  @Test func `a reload takes other endpoints up, and keeps the figures of those that stay`() throws {
    let ways = try Ways()
    let daemon = try ways.lab.start()
    let answers = try ways.lab.report().endpoints[0].answers
    #expect(answers >= 1)
    ways.lab.draft.sts = ways.lab.draft.sts.replacing(ways.second.endpoint, with: ways.lab.emulator.endpoint)
    try ways.lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    try ways.first.become(.refuse)
    try ways.rotate(2)
    let endpoints = try ways.lab.report().endpoints
    #expect(endpoints.map(\.endpoint) == [ways.first.endpoint, ways.lab.emulator.endpoint])
    #expect(endpoints[0].answers >= answers && endpoints[1].answers >= 2)
    #expect(try ways.second.connections() == 0)
  }
}
