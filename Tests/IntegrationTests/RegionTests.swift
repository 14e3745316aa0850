import Core
import Laboratory
import TestSupport
import Testing
import Wire

/// Three regions of one cloud, called by the names that they have there: a proxy leads all of them to the emulator, which tells them
/// apart by the host. A reader uses whatever it gets all the while.
@Suite(.serialized) struct RegionTests {
  /// In seconds.
  private static let lifetime = 12

  private let lab: Lab
  private let proxy: BreakableRelay
  /// The regions' endpoints in this host's order.
  private let order: [String]
  private let regions: [String]

  init() throws {
    lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s", roles: ["uploader"])) { draft in
      draft.roles = [SettingsDraft.Role("uploader")]
      draft.level = "debug"
      draft.regions = ["cn-hangzhou", "cn-shanghai", "cn-beijing"]
    }
    proxy = try BreakableRelay(tunnelsTo: lab.emulator.port, in: lab.directory, named: "proxy")
    lab.draft.sts += "\nconnect_timeout = \"1s\"\nproxy = \"http://\(proxy.endpoint)\""
    try lab.writeSettings()
    try lab.start()
    order = try lab.report().endpoints.map(\.endpoint)
    regions = order.map { $0.split(separator: ".").map(String.init)[1] }
  }

  private func endpoint(_ place: Int) throws -> EndpointStatus { try lab.report().endpoints[place] }

  private func granted(by place: Int) throws -> Int { try lab.emulator.calls(inRegion: regions[place], result: "OK") }

  @Test func `the home region has all calls, and what status and metrics show is of each`() throws {
    #expect(Set(regions) == ["cn-hangzhou", "cn-shanghai", "cn-beijing"])
    try lab.awaitRotations(of: ["uploader"])
    #expect(try granted(by: 0) >= 2 && granted(by: 1) == 0 && granted(by: 2) == 0)
    let endpoints = try lab.report().endpoints
    #expect(endpoints.allSatisfy { $0.region == RegionStatus(.working, requestsPerSecond: 100) }, "\(endpoints)")
    let table = try lab.rolekeeper("status").output
    #expect(table.contains("STS REGION") && table.contains(order[2]), "\(table)")
    let metrics = try lab.daemon.get("/metrics").body
    for line in [
      #"rolekeeper_sts_region_rate{endpoint="\#(order[0])"} 100"#,
      #"rolekeeper_sts_region_state{endpoint="\#(order[0])",state="working"} 1"#,
      #"rolekeeper_sts_region_state{endpoint="\#(order[1])",state="failing"} 0"#,
      #"rolekeeper_sts_throttled_total{endpoint="\#(order[2])"} 0"#,
    ] { #expect(metrics.contains(line), "\(line)\n\(metrics)") }
  }

  @Test func `while the home region throttles all calls, another one issues the sessions, and no role fails`() throws {
    let reader = try Reader(of: ["uploader"], at: lab, interval: 0.2)
    let start = try lab.awaitUse()
    try lab.emulator.setQuota(of: regions[0], perSecond: 0)
    try lab.awaitRotations(of: ["uploader"])
    #expect(try endpoint(0).region?.condition == .throttled && endpoint(0).throttled >= 1)
    #expect(try granted(by: 1) >= 1 && granted(by: 2) == 0)
    #expect(try lab.status("uploader").lastError == nil, "a region that throttles is no role that fails")
    #expect(lab.daemon.logLines("the home region of STS fails or throttles", "Throttling.User", order[1]).count == 1)
    let doctor = try ChildProcess.run([Programs.commandLine, "doctor", "--config", lab.configPath])
    #expect(doctor.output.contains("warning  region \(regions[0]): AssumeRole is throttled, "), "\(doctor)")
    #expect(doctor.output.contains(" of 100 per second; other regions answer\n"), "\(doctor)")

    try lab.emulator.clearQuotas()
    let before = try granted(by: 0)
    try eventually("the home region issues sessions again", within: 30) { try granted(by: 0) >= before + 2 }
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(lab.daemon.log)")
  }

  /// "lower 'requests_per_second' …, or write more 'regions'", for each role.
  @Test func `in a fleet whose quota is used up, nobody is asked to do anything, and doctor says so once`() throws {
    for region in regions { try lab.emulator.setQuota(of: region, perSecond: 0) }
    lab.draft.sts += "\nfleet_size = 1000"
    try lab.writeSettings()
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    #expect(try lab.daemon.post("/v1/roles/uploader/refresh").status == 202)
    try eventually("it is throttled") { try lab.status("uploader").lastError?.code.hasPrefix("Throttling") == true }
    let advice = try #require(lab.status("uploader").lastError?.advice)
    #expect(advice.contains("the daemon takes its share of it") && !advice.contains("lower"), "\(advice)")
    let doctor = try ChildProcess.run([Programs.commandLine, "doctor", "--config", lab.configPath])
    #expect(doctor.output.split(separator: "\n").count { $0.contains(advice) } == 1, "\(doctor)")
  }

  @Test
  func `while the home region can't be reached, another one issues the sessions, and the home region when it is back`()
    throws
  {
    let reader = try Reader(of: ["uploader"], at: lab, interval: 0.2)
    let start = try lab.awaitUse()
    try proxy.become(.without(regions[0]))
    try lab.awaitRotations(of: ["uploader"])
    #expect(try endpoint(0).region?.condition == .failing && endpoint(0).latestFailure == "ProxyRefused")
    #expect(try granted(by: 1) >= 1)
    #expect(try lab.status("uploader").lastError == nil)
    #expect(lab.daemon.logLines("the home region of STS fails or throttles", "ProxyRefused", order[1]).count == 1)

    try proxy.become(.open)
    try lab.daemon.awaitLog("notice: the home region of STS works again", order[0])
    #expect(try endpoint(0).region?.condition == .working)
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(lab.daemon.log)")
  }

  @Test func `a region that answers 503 is passed over, and a role that is refused for good asks no other region`()
    throws
  {
    try lab.emulator.fault("kind=error&status=503&code=ServiceUnavailable&region=\(regions[0])")
    try lab.awaitRotations(of: ["uploader"])
    #expect(try endpoint(0).region?.condition == .failing && granted(by: 1) >= 1)
    try lab.emulator.clearFaults()
    try lab.daemon.awaitLog("notice: the home region of STS works again")

    let others = try (1...2).map { try lab.emulator.calls(inRegion: regions[$0]) }
    try lab.emulator.fault("kind=error&status=403&code=NoPermission")
    #expect(try lab.daemon.post("/v1/roles/uploader/refresh").status == 202)
    try eventually("the refusal is the role's") { try lab.status("uploader").lastError?.code == "NoPermission" }
    #expect(try (1...2).map { try lab.emulator.calls(inRegion: regions[$0]) } == others)
  }

  @Test func `a reload takes regions up in place of an endpoint, and a lost region out`() throws {
    lab.draft.regions.removeAll { $0 == regions[0] }
    try lab.writeSettings()
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    #expect(try lab.report().endpoints.map(\.endpoint) == Array(order.dropFirst()))
    try lab.awaitRotations(of: ["uploader"])
    #expect(try granted(by: 1) >= 1)
    lab.draft.regions = []
    lab.draft.endpoint = order[2]
    try lab.writeSettings()
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    #expect(try lab.report().endpoints.map(\.region) == [nil])
    try lab.awaitRotations(of: ["uploader"])
    #expect(try granted(by: 2) >= 1)
  }
}
