import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// How a reload is asked for; all three ways have to come to the same.
enum ReloadWay: CaseIterable {
  case signal, request, commandLine

  /// Reloads settings that are good, and returns when they are in force.
  func reload(_ lab: Lab) throws {
    switch self {
    case .signal:
      lab.daemon.child.signal(SIGHUP)
      let message = try lab.daemon.notify.wait(for: "RELOADING=1")
      #expect(message.contains("MONOTONIC_USEC="))
      try lab.daemon.notify.wait(for: "READY=1")
    case .request: #expect(try lab.daemon.post("/v1/reload").status == 200)
    case .commandLine:
      let run = try lab.rolekeeper("reload")
      #expect(run.status == 0 && run.output.isEmpty, "\(run)")
      // What it took away, if anything.
      let expected = [": warning: roles no longer has ", " changed, so the role's sessions are dropped"]
      #expect(
        run.errors.split(separator: "\n").allSatisfy { line in expected.contains { line.contains($0) } }, "\(run)")
    }
  }

  /// Reloads settings that are bad, and returns what is said of it.
  func refusal(_ lab: Lab) throws -> String {
    switch self {
    case .signal:
      let before = lab.daemon.logLines("settings not reloaded").count
      lab.daemon.child.signal(SIGHUP)
      try lab.daemon.notify.wait(for: "RELOADING=1")
      try lab.daemon.notify.wait(for: "READY=1")
      return lab.daemon.logLines("settings not reloaded").dropFirst(before).joined()
    case .request:
      let reply = try lab.daemon.post("/v1/reload")
      #expect(reply.status == 422)
      #expect(try reply.problem.kind == .settingsRefused)
      return try reply.problem.errors.joined()
    case .commandLine:
      let run = try lab.rolekeeper("reload")
      #expect(run.status == 1 && run.output.isEmpty)
      return run.errors
    }
  }
}

@Suite(.serialized) struct ReloadTests {
  @Test(arguments: ReloadWay.allCases)
  func `a reload keeps what didn't change and takes on, changes and drops the rest`(way: ReloadWay) throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["kept", "timed", "redirected", "dropped", "added"])) { draft in
      draft.roles = ["kept", "timed", "redirected", "dropped"].map {
        SettingsDraft.Role($0, files: SettingsDraft.Role.file("credentials.json"))
      }
    }
    let daemon = try lab.start()
    var before: [String: Credential] = [:]
    for role in lab.draft.roles { before[role.name] = try lab.credential(role.name) }
    let oldFile = "\(lab.draft.directory)/dropped/credentials.json"
    try eventually("the file is written") { access(oldFile, R_OK) == 0 }

    let events = try daemon.events()
    lab.draft.roles.removeLast()
    // Another pool and floor make no session bad; another role does.
    lab.draft.roles[1].times = lab.draft.roles[1].times.replacing("floor = \"0s\"", with: "floor = \"30s\"\npool = 3")
    lab.draft.roles[2].arn = "acs:ram::\(RealmDraft.account):role/added"
    lab.draft.roles.append(SettingsDraft.Role("added"))
    try lab.writeSettings()
    try way.reload(lab)

    var awaited: Set = ["redirected", "added"]
    while !awaited.isEmpty { awaited.remove(try lab.await(events) { $0.kind == .rotated }.role) }
    for role in ["kept", "timed"] {
      #expect(try lab.credential(role).keyID == before[role]!.keyID, "\(role) keeps its session")
      #expect(try lab.emulator.draws(of: role) == 1, "\(role) isn't drawn again")
    }
    #expect(try lab.credential("redirected").keyID != before["redirected"]!.keyID)
    #expect(try lab.status("redirected").generation == 2, "generations go on")
    #expect(try lab.emulator.draws(of: "added") == 2)
    #expect(try lab.credential("added").keyID.hasPrefix("STS."))
    #expect(try daemon.get("/v1/roles/dropped/credentials").status == 404)
    try eventually("the dropped role's files go") { access(oldFile, F_OK) != 0 }
    #expect(daemon.logLines("notice: settings reloaded").count == 1)
  }

  @Test(arguments: ReloadWay.allCases)
  func `a bad file changes nothing and says what is wrong in which line`(way: ReloadWay) throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "added"]))
    let daemon = try lab.start()
    let before = try lab.credential("uploader")
    let good = lab.draft.text
    lab.draft.roles[0].more = "colour = \"green\""
    lab.draft.roles.append(SettingsDraft.Role("added"))
    lab.draft.roles[1].times = lab.draft.roles[1].times.replacing("15min", with: "15 parsecs")
    try lab.writeSettings()
    let lines = lab.draft.text.split(separator: "\n", omittingEmptySubsequences: false)
    let said = try way.refusal(lab)
    for word in ["colour", "parsecs"] {
      let line = lines.firstIndex { $0.contains(word) }! + 1
      #expect(said.contains("\(lab.configPath):\(line)"), "\(word) in line \(line): \(said)")
      #expect(daemon.logLines(word).count == 1, "each error is logged once: \(daemon.log)")
    }
    #expect(try daemon.get("/v1/roles/added").status == 404)
    #expect(try lab.credential("uploader").keyID == before.keyID)
    try lab.directory.write(good, to: "rolekeeper.toml")
    try way.reload(lab)
    #expect(try lab.credential("uploader").keyID == before.keyID)
    #expect(try lab.emulator.draws() == 2, "nothing was drawn anew all the while")
  }

  /// All role directories vanished, the reload succeeded, and everything said that all was well.
  @Test(arguments: ReloadWay.allCases)
  func `settings cut off before the first role are refused, and stay visible as refused`(way: ReloadWay) throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    }
    let daemon = try lab.start()
    let before = try lab.credential("uploader")
    let file = "\(lab.draft.directory)/uploader/credentials.json"
    try eventually("the file is written") { access(file, R_OK) == 0 }
    let good = lab.draft.text
    let cut = String(good.prefix(upTo: good.firstRange(of: "[roles.")!.lowerBound))
    try lab.directory.write(cut, to: "rolekeeper.toml")
    let refusal = try way.refusal(lab)
    #expect(refusal.contains("roles is empty, and these roles are in force: reports, uploader"), "\(refusal)")
    #expect(refusal.contains("rolekeeper reload --allow-removal"))

    #expect(try lab.credential("uploader").keyID == before.keyID)
    #expect(access(file, R_OK) == 0)
    try eventually("health shows it") { try daemon.get("/healthz").body.contains(#""degraded""#) }
    let reasons = try lab.report().health.reasons
    #expect(reasons.map(\.kind) == [.settings] && reasons[0].detail.contains("roles is empty"), "\(reasons)")

    try lab.directory.write(good, to: "rolekeeper.toml")
    try way.reload(lab)
    #expect(try lab.report().health.reasons.isEmpty)
    try eventually("health shows it") { try daemon.get("/healthz").body.contains(#""ok""#) }
    #expect(try lab.emulator.draws() == 2)

    try lab.directory.write(cut, to: "rolekeeper.toml")
    let run = try lab.rolekeeper("reload", "--allow-removal")
    #expect(run.status == 0 && run.output.isEmpty, "\(run)")
    #expect(
      run.errors.contains(
        "warning: roles is empty, and these roles are in force: reports, uploader; removal was allowed"))
    #expect(try lab.report().roles.isEmpty)
    try eventually("the files go") { access(file, F_OK) != 0 }
    #expect(daemon.logLines("warning:", "these roles are in force").count == 1)
  }

  /// The same fault in the other files that a role is made of: what is there, but has become empty, was hardly meant.
  @Test func `other files that were emptied are refused too, and a deleted one isn't`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "extra"]))
    let policy = #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vod:*", "Resource": "*"}]}"#
    try lab.directory.write(policy, to: "uploader.policy.json")
    lab.draft.roles[0].more = "policy_file = \"uploader.policy.json\""
    try lab.writeSettings()
    mkdir(lab.directory.path("roles.d"), 0o755)
    let extra =
      "[roles.extra]\nrole_arn = \"acs:ram::\(RealmDraft.account):role/extra\"\n\(SettingsDraft.Role("x").times)\n"
    try lab.directory.write(extra, to: "roles.d/extra.toml")
    let authorities = try #require(FileText.read(lab.draft.authorityPath))
    let daemon = try lab.start()
    let files = [
      ("roles.d/extra.toml", extra, "--allow-removal"), ("uploader.policy.json", policy, "not valid JSON"),
      ("emulator-ca.pem", authorities, "emulator-ca.pem"),
    ]
    for (name, content, words) in files {
      try lab.directory.write("", to: name)
      let refusal = try ReloadWay.request.refusal(lab)
      #expect(refusal.contains(words), "\(name): \(refusal)")
      #expect(try lab.report().roles.map(\.state) == [.valid, .valid, .valid])
      try lab.directory.write(content, to: name)
    }
    try ReloadWay.request.reload(lab)
    #expect(try lab.emulator.draws() == 3)

    unlink(lab.directory.path("roles.d/extra.toml"))
    try ReloadWay.request.reload(lab)
    #expect(try lab.report().roles.map(\.name) == ["reports", "uploader"])
    #expect(daemon.logLines("warning", "the file is gone, so its role is removed: extra").count == 1)
  }

  /// Each change is fine on its own but for the last one; all of it has to stay as it was.
  @Test(arguments: ReloadWay.allCases)
  func `a reload that can't be carried out in full changes nothing at all`(way: ReloadWay) throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "added"])) { draft in
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    }
    let daemon = try lab.start()
    let before = try lab.report()
    let old = lab.draft
    // A plain file stands where the new socket should go.
    lab.draft.socketPath = try lab.directory.write("precious", to: "in-the-way")
    lab.draft.roles.removeFirst()
    lab.draft.roles.append(SettingsDraft.Role("added"))
    lab.draft.directory = lab.directory.path("elsewhere")
    lab.draft.keyPath = lab.directory.path("other-key")
    try lab.write(key: RealmDraft.otherKey)
    try lab.writeSettings()
    lab.draft.socketPath = old.socketPath
    #expect(try way.refusal(lab).contains("in-the-way"))

    let after = try lab.report()
    #expect(after.roles.map(\.name) == ["reports", "uploader"])
    #expect(after.roles.map(\.accessKeyID) == before.roles.map(\.accessKeyID))
    #expect(after.sources == before.sources, "the AccessKey is the old one")
    try eventually("the file stays") { access("\(old.directory)/uploader/credentials.json", R_OK) == 0 }
    #expect(access(lab.directory.path("elsewhere"), F_OK) != 0)
    #expect(FileText.read(lab.directory.path("in-the-way")) == "precious")
    #expect(try lab.emulator.draws() == 2)
    // It goes on with what it had, under the old key.
    let events = try daemon.events()
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    #expect(try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }.generation == 2)
  }

  @Test func `the socket's mode and its path can be changed without a restart`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let session = try lab.credential("uploader").keyID
    let old = lab.draft.socketPath
    lab.draft.socket = "mode = \"0666\""
    try lab.writeSettings()
    try ReloadWay.signal.reload(lab)
    #expect(FileStatus(old)?.mode == 0o666)
    #expect(try lab.credential("uploader").keyID == session)

    lab.draft.socketPath = lab.directory.path("moved.sock")
    try lab.writeSettings()
    try ReloadWay.signal.reload(lab)
    let moved = try StreamConnection(unix: lab.draft.socketPath)
    try moved.request("GET", "/v1/roles/uploader/credentials")
    #expect(try Credential(try moved.readReply()).keyID == session)
    #expect(access(old, F_OK) != 0, "the old socket is gone")
    #expect(daemon.child.statusIfEnded == nil)
  }

  @Test func `a reload writes files to their new place and takes them from the old one`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].files = SettingsDraft.Role.file("credentials.json") }
    try lab.start()
    let old = "\(lab.draft.directory)/uploader/credentials.json"
    try eventually("the file is written") { access(old, R_OK) == 0 }
    let content = FileText.read(old)
    lab.draft.directory = lab.directory.path("elsewhere")
    try lab.writeSettings()
    try ReloadWay.request.reload(lab)
    try eventually("the file moves") {
      FileText.read(lab.directory.path("elsewhere/uploader/credentials.json")) == content && access(old, F_OK) != 0
    }
  }

  /// It was removed right after the other role had written it.
  @Test func `a reload moves a file from one role to another`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let directory = lab.directory.path("app")
    mkdir(directory, 0o755)
    let files = ["c.json", "d.json"].map { "\(directory)/\($0)" }
    func swap(_ order: [String]) throws {
      for (index, path) in order.enumerated() { lab.draft.roles[index].files = SettingsDraft.Role.file(path) }
      try lab.writeSettings()
    }
    try swap(files)
    let daemon = try lab.start()
    let before = try files.map { try #require(FileText.read($0)) }
    try swap(files.reversed())
    try ReloadWay.request.reload(lab)
    try eventually("the files change places") { files.map { FileText.read($0) } == before.reversed() }
    #expect(daemon.logLines("error:").isEmpty, "\(daemon.log)")
  }

  @Test func `a reload takes up what the settings only name: policies, roles.d and the authorities' file`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "extra"]))
    func policy(_ action: String) throws {
      try lab.directory.write(
        #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "\#(action)", "Resource": "*"}]}"#,
        to: "uploader.policy.json")
    }
    try policy("vod:*")
    lab.draft.roles[0].more = "policy_file = \"uploader.policy.json\""
    try lab.writeSettings()
    // Another authority's certificate lies where the right one will be.
    let stranger = try EmulatorProcess(realm: RealmDraft(lifetime: nil).text, in: lab.directory, named: "stranger")
    let right = try #require(FileText.read(lab.draft.authorityPath))
    try lab.directory.write(try #require(FileText.read(stranger.authorityPath)), to: "emulator-ca.pem")
    let daemon = try lab.start()
    #expect(try lab.status("uploader").lastError?.code == "TLSVerification")

    let events = try daemon.events()
    try lab.directory.write(right, to: "emulator-ca.pem")
    try ReloadWay.request.reload(lab)
    try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }
    let first = try lab.credential("uploader").keyID
    try eventually("the other role has one too") { try lab.status("reports").state == .valid }
    let other = try lab.credential("reports").keyID

    try policy("vod:CreateUploadVideo")
    mkdir(lab.directory.path("roles.d"), 0o755)
    let role = SettingsDraft.Role("extra")
    try lab.directory.write(
      "[roles.extra]\nrole_arn = \"acs:ram::\(RealmDraft.account):role/extra\"\n\(role.times)\n",
      to: "roles.d/extra.toml")
    try ReloadWay.request.reload(lab)
    var awaited: Set = ["uploader", "extra"]
    while !awaited.isEmpty { awaited.remove(try lab.await(events) { $0.kind == .rotated }.role) }
    #expect(try lab.credential("uploader").keyID != first, "a session of the old policy may do more than it should")
    #expect(try lab.credential("reports").keyID == other)
  }

  @Test func `a call under way outlives a reload that changes how STS is called`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let events = try daemon.events()
    try lab.emulator.fault("kind=delay&milliseconds=700&count=1", role: "uploader")
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    try eventually("the call is under way") { try daemon.get("/metrics").body.contains("sts_in_flight 1") }
    lab.draft.sts += "\nconnect_timeout = \"2s\""
    try lab.writeSettings()
    try ReloadWay.request.reload(lab)
    #expect(try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }.generation == 2)
    #expect(try lab.emulator.draws(of: "uploader") == 2)
    #expect(daemon.logLines("refresh failed").isEmpty)
  }

  /// A new request comes in at the new socket; what it waited for goes to nobody else.
  @Test func `who waits at a socket that is replaced is let go, and nobody gets another's credential`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=delay&milliseconds=1500")
    let daemon = try lab.launch()
    try eventually("the socket is there") { (try? StreamConnection(unix: lab.draft.socketPath)) != nil }
    let old = try (0..<4).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in old { try connection.request("GET", "/v1/roles/uploader/credentials?wait=30") }
    try eventually("they wait") { try daemon.get("/metrics").body.contains("rolekeeper_connections 5") }
    lab.draft.socketPath = lab.directory.path("moved.sock")
    try lab.writeSettings()
    daemon.child.signal(SIGHUP)
    for connection in old { try connection.awaitEnd() }
    let new = try (0..<4).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in new { try connection.request("GET", "/v1/roles/reports/credentials?wait=30") }
    let keys = Set(try new.map { try Credential(try $0.readReply()).keyID })
    #expect(keys.count == 1)
    #expect(daemon.logLines("credential handed out", "role=uploader").isEmpty)
    #expect(daemon.logLines("credential handed out", "role=reports", keys.first!).count == 1)
  }

  @Test(.needs(.root)) func `a storm of reloads fetches nothing again and drops nobody`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let session = try lab.credential("uploader").keyID
    let open = try StreamConnection(unix: lab.draft.socketPath)
    try ReloadWay.request.reload(lab)
    // What the reload's thread is about to let go of is among them, perhaps: the more there were before, the easier is the end.
    let before = try lab.descriptorsBesidesSockets()
    for _ in 0..<100 {
      daemon.child.signal(SIGHUP)
      // A manager that reads nothing would block whoever sends it a notification.
      daemon.notify.drain()
      try open.request("GET", "/v1/roles/uploader/credentials")
      #expect(try Credential(try open.readReply()).keyID == session)
    }
    for _ in 0..<20 {
      try ReloadWay.request.reload(lab)
      daemon.notify.drain()
    }
    #expect(try lab.emulator.draws() == 2)
    #expect(try lab.report().roles.allSatisfy { $0.state == .valid })
    try eventually("no descriptor is left behind") { try lab.descriptorsBesidesSockets() <= before }
  }
}
