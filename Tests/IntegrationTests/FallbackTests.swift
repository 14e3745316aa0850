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
    let first: Crossing
    let second: Crossing

    init(lifetime: String? = "4s") throws {
      lab = try Lab(RealmDraft(lifetime: lifetime, roles: ["uploader"])) { draft in
        draft.roles = [SettingsDraft.Role("uploader")]
        draft.level = "debug"
      }
      first = try Crossing(to: lab.emulator.port, in: lab.directory, named: "first")
      second = try Crossing(to: lab.emulator.port, in: lab.directory, named: "second")
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

  struct Case: Sendable, CustomTestStringConvertible {
    let mode: Crossing.Mode
    /// What status says of the first endpoint meanwhile.
    let code: String
    /// Whether requests reached the first, which then were two for one session.
    var passesRequests = false
    /// How long a lifetime has to be for all that is tried in vain.
    var lifetime = "4s"
    var testDescription: String { "\(mode)" }
  }

  @Test(arguments: [
    Case(mode: .refuse, code: "Connect"),
    Case(mode: .silent, code: "ConnectTimeout", lifetime: "10s"),
    Case(mode: .cut, code: "TLS"),
    Case(mode: .garbage, code: "TLS"),
    Case(mode: .cutAnswer, code: "AnswerCut", passesRequests: true),
    Case(mode: .holdAnswer, code: "Timeout", passesRequests: true, lifetime: "12s"),
  ])
  func `a fallback serves while the first endpoint gives no answer, and the first when it is back`(_ example: Case)
    throws
  {
    let ways = try Ways(lifetime: example.lifetime)
    let (lab, first, second) = (ways.lab, ways.first, ways.second)
    let daemon = try lab.start()
    #expect(try second.connections() == 0, "the first does as long as it answers")
    let reader = try Reader(of: ["uploader"], at: lab)
    try ways.rotate(1)

    try first.become(example.mode)
    try ways.rotate(6)
    #expect(daemon.logLines("warning: a fallback endpoint of STS answers", second.endpoint, example.code).count == 1)
    #expect(try lab.status("uploader").lastError == nil, "an endpoint that fails is no role that fails")
    let endpoints = try lab.report().endpoints
    #expect(endpoints.map(\.endpoint) == [first.endpoint, second.endpoint])
    #expect(endpoints[0].missing == example.code && endpoints[0].misses >= 6, "\(endpoints)")
    #expect(endpoints[1].missing == nil && endpoints[1].answers >= 6)
    let metrics = try daemon.get("/metrics").body
    #expect(metrics.contains(#"rolekeeper_sts_answers_total{endpoint="\#(second.endpoint)"} "#))
    #expect(metrics.contains(#"rolekeeper_sts_unanswered_total{endpoint="\#(first.endpoint)"} "#))
    let table = try lab.rolekeeper("status").output
    #expect(table.contains("STS ENDPOINT") && table.contains(second.endpoint))

    try first.become(.open)
    try daemon.awaitLog("notice: the first STS endpoint answers again", first.endpoint)
    let before = try second.connections()
    try ways.rotate(2)
    #expect(try second.connections() == before, "the first does again")
    #expect(daemon.logLines("the first STS endpoint answers again").count == 1)

    let (status, summary) = reader.stop()
    #expect(status == 0, "\(summary)")
    let calls = try lab.emulator.calls(of: "uploader")
    #expect(calls.allSatisfy { $0.result == "OK" }, "each was signed for the host it went to: \(calls)")
    #expect(Set(calls.map(\.nonce)).count == calls.count, "no request was sent twice")
    #expect(Set(calls.map(\.host)) == [first.endpoint, second.endpoint])
    if !example.passesRequests {
      #expect(calls.count { $0.host == second.endpoint } == Int(endpoints[1].answers), "\(calls)")
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
    try ways.rotate(3)
    #expect(try ways.lab.report().endpoints.map(\.missing).prefix(1) == ["NameResolution"])
    #expect(try ways.lab.report().endpoints[1].missing != nil)
    #expect(daemon.logLines("warning: a fallback endpoint of STS answers", ways.second.endpoint).count == 1)
    let (status, summary) = reader.stop()
    #expect(status == 0, "\(summary)")
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
      try eventually("\(code) is told") { try ways.lab.status("uploader").lastError?.code == code }
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
    let told =
      daemon.logLines("a fallback endpoint of STS answers").count + daemon.logLines("the first STS endpoint").count
    #expect(told == 4)
    #expect(try ways.lab.report().endpoints[0].misses >= 6, "the figures tell it all")
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
