import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct ReportTests {
  @Test func `metrics are in Prometheus' text format and hold every figure that is promised`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    _ = try lab.credential("uploader")
    _ = try daemon.get("/nowhere")
    let reply = try daemon.get("/metrics")
    #expect(reply.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
    let figures = try Figures(reply.body)
    for role in ["uploader", "reports"] {
      let label = #"{role="\#(role)"}"#
      #expect(figures["rolekeeper_credential_seconds_to_expiry\(label)"].map { $0 > 800 && $0 <= 901 } == true)
      #expect(figures["rolekeeper_seconds_since_success\(label)"].map { $0 >= 0 && $0 < 10 } == true)
      #expect(figures["rolekeeper_seconds_to_next_attempt\(label)"].map { $0 > 100 && $0 < 300 } == true)
      #expect(figures["rolekeeper_headroom_seconds\(label)"].map { $0 > 800 } == true)
      #expect(figures["rolekeeper_generation\(label)"] == 1)
      #expect(figures[#"rolekeeper_attempts_total{role="\#(role)",code="Success"}"#] == 1)
    }
    #expect(figures[#"rolekeeper_handouts_total{role="uploader",uid="\#(geteuid())"}"#] == 1)
    #expect(figures["rolekeeper_below_floor_answers_total"] == 0)
    #expect(figures["rolekeeper_requests_total"].map { $0 >= 3 } == true)
    #expect(figures[#"rolekeeper_refusals_total{reason="not_allowed"}"#] == 0)
    #expect(figures["rolekeeper_connections"].map { $0 >= 1 } == true)
    for name in ["memory_anonymous_bytes", "memory_resident_bytes", "descriptors"] {
      #expect(figures["rolekeeper_\(name)"].map { $0 > 0 } == true, "\(name)")
    }
  }

  /// What the code of the program and its libraries takes is shared, and no part of it.
  @Test func `the daemon's own memory stays below 4 MB while it serves and refreshes`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    func anonymous() throws -> Double {
      try #require(try Figures(daemon.get("/metrics").body)["rolekeeper_memory_anonymous_bytes"])
    }
    for generation in 2...5 {
      #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
      try eventually("the next session is there") { try lab.status("uploader").generation == generation }
      _ = try lab.credential("uploader")
    }
    #expect(try anonymous() < 4e6)
  }

  @Test func `metrics have version, start, states, clock, reservations and reloads by outcome`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "reports")
    let before = wallClock()
    let daemon = try lab.start()
    #expect(try daemon.get("/v1/roles/uploader/credentials?min_ttl=2400").status == 200)
    #expect(try daemon.get("/v1/roles/uploader/credentials?min_ttl=3600").status == 409)
    #expect(try daemon.get("/v1/roles/reports/credentials?min_ttl=2400").status == 503)
    try ReloadWay.request.reload(lab)
    try lab.directory.write("nonsense", to: "rolekeeper.toml")
    #expect(try daemon.post("/v1/reload").status == 422)
    let text = try daemon.get("/metrics").body
    let figures = try Figures(text)
    #expect(figures[#"rolekeeper_build_info{version="\#(Version.number)"}"#] == 1)
    #expect(figures["rolekeeper_start_time_seconds"].map { abs($0 - before) < 60 } == true)
    #expect(figures["rolekeeper_time_seconds"].map { $0 >= before.rounded(.down) && $0 <= wallClock() } == true)
    #expect(figures[#"rolekeeper_role_state{role="uploader",state="valid"}"#] == 1)
    #expect(figures[#"rolekeeper_role_state{role="reports",state="waiting"}"#] == 1, "it has had none")
    #expect(figures["rolekeeper_clock_offset_seconds"].map { abs($0) < 5 } == true)
    #expect(figures[#"rolekeeper_reservations_total{outcome="fetched"}"#] == 1)
    #expect(figures[#"rolekeeper_reservations_total{outcome="too_long"}"#] == 1)
    #expect(figures[#"rolekeeper_reservations_total{outcome="failed"}"#] == 1)
    #expect(figures[#"rolekeeper_reservations_total{outcome="too_many"}"#] == 0)
    #expect(figures[#"rolekeeper_reloads_total{outcome="done"}"#] == 1)
    #expect(figures[#"rolekeeper_reloads_total{outcome="refused"}"#] == 1)
  }

  @Test(.needs(.promtool)) func `promtool takes the metrics`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let file = try lab.directory.write(try lab.start().get("/metrics").body, to: "metrics")
    let run = try ChildProcess.run([
      "/bin/sh", "-c", "exec \"$1\" check metrics <\"$2\"", "sh", Requirement.promtoolPath, file,
    ])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
  }

  @Test func `before STS has answered no clock offset is claimed`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=unreachable")
    let daemon = try lab.start()
    let text = try daemon.get("/metrics").body
    #expect(try Figures(text)["rolekeeper_clock_offset_seconds"] == nil)
    #expect(text.contains("# TYPE rolekeeper_clock_offset_seconds gauge\n"))
  }

  /// Prometheus' text format 0.0.4, read as strictly as it is described.
  struct Figures {
    private var values: [String: Double] = [:]

    subscript(name: String) -> Double? { values[name] }

    init(_ text: String) throws {
      var types: Set<String> = []
      var helped: Substring?
      var family: Substring?
      try #require(text.hasSuffix("\n") && !text.contains("\n\n"))
      for line in text.split(separator: "\n") {
        if line.hasPrefix("# HELP ") {
          let words = line.split(separator: " ", maxSplits: 3)
          try #require(words.count == 4 && !words[3].isEmpty, "\(line)")
          helped = words[2]
        } else if line.hasPrefix("# TYPE ") {
          let words = line.split(separator: " ")
          try #require(words.count == 4 && ["gauge", "counter"].contains(words[3]), "\(line)")
          try #require(words[2] == helped, "\(line) without its help in front")
          try #require(types.insert(String(words[2])).inserted, "\(line) comes twice")
          try #require(
            words[2].hasPrefix("rolekeeper_") && words[2].hasSuffix("_total") == (words[3] == "counter"), "\(line)")
          family = words[2]
        } else {
          let sample = /([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)/
          let match = try #require(try sample.wholeMatch(in: line), "\(line)")
          try #require(match.1 == family, "\(line) outside of its family")
          let name = String(match.1) + String(match.2 ?? "")
          try #require(values.updateValue(Double(match.3) ?? .nan, forKey: name) == nil, "\(line) comes twice")
        }
      }
    }
  }

  @Test func `health follows the roles, and events report each change once`() throws {
    let lab = try Lab(RealmDraft(lifetime: "3s", roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    let daemon = try lab.start()
    #expect(try daemon.get("/healthz").status == 200)
    let events = try daemon.events()
    try lab.emulator.fault("kind=error&status=503")
    let failing = try lab.await(events) { $0.kind == .changed }
    #expect(
      failing.state == .failing && failing.code == "ServiceUnavailable" && failing.accessKeyID != nil,
      "\(failing)\n\(daemon.log)")
    let lapsed = try lab.await(events) { _ in true }
    #expect(lapsed.kind == .changed && lapsed.state == .lapsed && lapsed.accessKeyID == nil)
    // What health says is kept for a fifth of a second.
    try eventually("health follows") { try daemon.get("/healthz").status == 503 }
    try lab.emulator.clearFaults()
    let mended = try lab.await(events) { $0.kind == .rotated }
    #expect(mended.state == .valid && mended.code == nil && mended.generation > lapsed.generation)
    try eventually("health follows") { try daemon.get("/healthz").status == 200 }
  }

  /// A session that is shorter than the one in use was reported as a rotation, under the number of the one before.
  @Test func `events report a rotation only when readers get another session`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
      draft.roles = [SettingsDraft.Role("uploader")]
      draft.roles[0].times = draft.roles[0].times.replacing("duration = \"15min\"", with: "duration = \"1h\"")
    }
    let daemon = try lab.start()
    let before = try lab.credential("uploader")
    let events = try daemon.events()
    lab.draft.roles[0].times = SettingsDraft.Role("uploader").times
    try lab.writeSettings()
    try ReloadWay.request.reload(lab)
    try eventually("a standby is there") { try lab.emulator.draws(of: "uploader") == 2 }
    #expect(try lab.credential("uploader").keyID == before.keyID)
    try lab.emulator.fault("kind=error&status=503")
    #expect(try lab.rolekeeper("refresh", "uploader").status == 4)
    let event = try lab.await(events) { _ in true }
    #expect(event.kind == .changed && event.accessKeyID == before.keyID && event.generation == 1)
  }

  @Test func `less than the floor is still handed out, with a header, a warning and a figure`() throws {
    let lab = try Lab(RealmDraft(lifetime: "30s", roles: ["uploader"])) { draft in
      draft.roles = [SettingsDraft.Role("uploader")]
      draft.roles[0].times = draft.roles[0].times.replacing("floor = \"0s\"", with: "floor = \"1min\"")
    }
    let daemon = try lab.start()
    let reply = try daemon.get("/v1/roles/uploader/credentials")
    #expect(reply.status == 200)
    #expect((20...30).contains(Int(reply.fields["rolekeeper-below-floor"] ?? "") ?? 0))
    #expect(daemon.logLines("warning: remaining lifetime of the credential is below the floor").count == 1)
    #expect(daemon.logLines("warning: STS granted a shorter session than requested").count == 1)
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_below_floor_answers_total 1\n"))
    #expect(try lab.status("uploader").state == .belowFloor)
    let get = try lab.rolekeeper("get", "uploader")
    #expect(get.status == 0 && get.errors.isEmpty, "an SDK that runs it gets no warning: \(get.errors)")
    let command = "'\(Programs.commandLine)' --socket '\(lab.draft.socketPath)' get uploader >/dev/null"
    let seen = try ChildProcess.run(
      ["/usr/bin/script", "--quiet", "--return", "--command", command, "/dev/null"],
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SHELL": "/bin/sh"])
    #expect(
      seen.status == 0 && seen.output.contains("less than the role's floor"), "a person on a terminal does: \(seen)")
  }
}
