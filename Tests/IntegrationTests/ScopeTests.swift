import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Sessions for tasks, from the real daemon: `?scope=TASK` and `--scope`.
@Suite(.serialized) struct ScopeTests {
  private static func policy(_ actions: String...) -> String {
    let list = actions.map { "\"\($0)\"" }.joined(separator: ",")
    return #"{"Version":"1","Statement":[{"Effect":"Allow","Action":[\#(list)],"Resource":"*"}]}"#
  }

  private static func scope(_ name: String, more: String = "") -> String {
    "[roles.uploader.scopes.\(name)]\npolicy_file = \"\(name).json\"\n\(more)\n"
  }

  /// A role that may upload, with a scope `details` that may not.
  private static func lab(_ more: String = "", allow: String = "") throws -> Lab {
    var realm = RealmDraft(lifetime: nil)
    realm.rights["uploader"] = ["vod:CreateUploadVideo", "vod:GetUploadDetails"]
    let lab = try Lab(realm) { draft in
      if geteuid() == 0 { draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)" }
      draft.roles[0].more =
        "policy_file = \"uploader.json\"\n\(more)\n" + (allow.isEmpty ? "" : "allow = { users = [\(Person.reader)] }\n")
        + scope("details", more: allow)
    }
    try lab.directory.write(policy("vod:CreateUploadVideo", "vod:GetUploadDetails"), to: "uploader.json")
    try lab.directory.write(policy("vod:GetUploadDetails"), to: "details.json")
    return lab
  }

  private func upload(_ document: String, _ lab: Lab) throws -> String {
    try CloudCall.make(
      "CreateUploadVideo", version: "2017-03-21", ["Title": "film", "FileName": "film.mp4"], with: document, at: lab
    ).prefix(2).joined(separator: " ")
  }

  @Test func `a scope's session may do what its policy permits, and the role's session more`() throws {
    let lab = try Self.lab()
    let daemon = try lab.start()
    #expect(try lab.emulator.draws(of: "uploader") == 1, "no scope is fetched before somebody asks")
    let run = try lab.rolekeeper("get", "uploader", "--scope", "details")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
    let scoped = try Credential(document: run.output)
    let whole = try lab.rolekeeper("get", "uploader").output
    #expect(try Credential(document: whole).keyID != scoped.keyID)
    #expect(try upload(whole, lab) == "200 OK")
    let refused = try upload(run.output, lab)
    #expect(refused.hasPrefix("403 "), "\(refused)")
    let arn = try CloudCall.make("GetCallerIdentity", version: "2015-04-01", with: run.output, at: lab)
    #expect(arn.count > 2 && arn[2].hasSuffix("-uploader-details"), "\(arn)")
    let again = try lab.rolekeeper("get", "uploader", "--scope", "details", "--format", "env")
    #expect(again.status == 0 && again.output.contains(scoped.keyID))
    #expect(try lab.emulator.draws(of: "uploader") == 2)
    let line = try #require(daemon.logLines("credential handed out").first { $0.contains("scope=details") })
    #expect(line.contains("role=uploader") && line.contains("access_key_id=\(scoped.keyID)"))
    #expect(try lab.status("uploader").scopes.map(\.accessKeyID) == [scoped.keyID])
    #expect(daemon.child.stop() == 0)
  }

  @Test func `an unknown scope is refused with the one that was meant`() throws {
    let lab = try Self.lab()
    try lab.start()
    let run = try lab.rolekeeper("get", "uploader", "--scope", "detail")
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(run.errors.contains("role 'uploader' has no scope 'detail'; did you mean 'details'?"), "\(run.errors)")
    #expect(try lab.rolekeeper("get", "uploader", "--scope", "A b").status == 2)
  }

  @Test(.needs(.root)) func `a caller of the scope alone gets nothing else`() throws {
    let lab = try Self.lab(allow: "allow = { users = [\(Person.stranger)] }")
    try lab.start()
    let stranger = Person.words(Person.stranger)
    #expect(try lab.rolekeeper("get", "uploader", "--scope", "details", wrapper: stranger).status == 0)
    let whole = try lab.rolekeeper("get", "uploader", wrapper: stranger)
    #expect(whole.status == 1 && whole.errors.contains("use '--scope details', which is open"), "\(whole)")
    let list = try lab.ask("/v1/roles", as: Person.stranger)
    let roles = try RoleList(parsing: Array(list.body.utf8).span)
    #expect(roles.roles.isEmpty && roles.scopes.map(\.name) == ["details"])
    // Readers of the role may have the scope, others neither.
    let reader = Person.words(Person.reader)
    #expect(try lab.rolekeeper("get", "uploader", "--scope", "details", wrapper: reader).status == 0)
    let other = try lab.rolekeeper("get", "uploader", "--scope", "details", wrapper: Person.words(Person.admin))
    #expect(other.status == 1 && other.errors.contains("isn't open to uid \(Person.admin)"), "\(other)")
    #expect(try lab.emulator.draws(of: "uploader") == 2)
  }

  @Test func `exec runs a command with a scope's session`() throws {
    let lab = try Self.lab()
    try lab.start()
    let run = try lab.rolekeeper(
      "exec", "uploader", "--scope", "details", "--", "/bin/sh", "-c",
      "echo \"$ROLEKEEPER_ROLE $ROLEKEEPER_SCOPE $ALIBABA_CLOUD_ACCESS_KEY_ID\"")
    let id = try #require(try lab.status("uploader").scopes.first?.accessKeyID)
    #expect(run.status == 0 && run.output == "uploader details \(id)\n", "\(run)")
  }

  @Test func `watch follows a scope over another policy, and the old session is gone`() throws {
    let lab = try Self.lab()
    let daemon = try lab.start()
    let watch = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "watch", "uploader", "--scope", "details"],
      in: lab.directory, named: "watch")
    try eventually("the first session is printed") { watch.output.contains("role 'uploader', scope 'details'") }
    let before = try Credential(try daemon.get("/v1/roles/uploader/credentials?scope=details"))
    try lab.directory.write(Self.policy("vod:CreateUploadVideo"), to: "details.json")
    let reload = try lab.rolekeeper("reload")
    #expect(reload.errors.contains("roles.uploader.scopes.details.policy_file has changed"), "\(reload)")
    try eventually("the next one, too") { watch.output.split(separator: "\n").count == 2 }
    let reply = try daemon.get("/v1/roles/uploader/credentials?scope=details")
    #expect(try Credential(reply).keyID != before.keyID)
    #expect(try upload(reply.body, lab) == "200 OK")
    #expect(try lab.status("uploader").generation == 1, "the role's own session stays")
    watch.stop()
  }

  @Test func `a removed scope is gone, and another process fetches scopes again`() throws {
    let lab = try Self.lab()
    let daemon = try lab.start()
    let first = try Credential(try daemon.get("/v1/roles/uploader/credentials?scope=details"))
    lab.draft.roles[0].more += Self.scope("other")
    try lab.directory.write(Self.policy("vod:GetUploadDetails"), to: "other.json")
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(try Credential(try daemon.get("/v1/roles/uploader/credentials?scope=details")).keyID == first.keyID)
    #expect(try daemon.get("/v1/roles/uploader/credentials?scope=other").status == 200)
    lab.draft.roles[0].more = lab.draft.roles[0].more.replacing(Self.scope("other"), with: "")
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(try daemon.get("/v1/roles/uploader/credentials?scope=other").status == 404)
    #expect(daemon.child.stop() == 0)
    let next = try lab.startNext(named: "next")
    #expect(try lab.emulator.draws(of: "uploader") == 3, "the role's own sessions are handed over")
    let generation = try #require(
      try next.get("/v1/roles/uploader/credentials?scope=details").fields["rolekeeper-generation"].flatMap {
        UInt64($0)
      })
    #expect(generation > 1_000_000_000)
    #expect(try lab.emulator.draws(of: "uploader") == 4)
  }

  @Test func `a dead session of a scope is reported and replaced`() throws {
    let lab = try Self.lab()
    try lab.start()
    #expect(try lab.rolekeeper("get", "uploader", "--scope", "details").status == 0)
    let report = try lab.rolekeeper("report", "uploader", "--scope", "details")
    #expect(report.status == 0 && report.output == "in-use\n", "\(report)")
  }

  @Test func `check refuses a scope that permits more than the role, and counts users in the rate`() throws {
    let lab = try Self.lab()
    try lab.directory.write(Self.policy("vod:DeleteVideo"), to: "details.json")
    let wider = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(wider.status == 78 && wider.output.contains("has a statement that allows vod:DeleteVideo"), "\(wider)")
    try lab.directory.write(Self.policy("vod:GetUploadDetails"), to: "details.json")
    lab.draft.sts = "requests_per_second = 1"
    lab.draft.roles[0].more = "session_per = \"user\"\nmax_users = 1000\n" + lab.draft.roles[0].more
    try lab.writeSettings()
    let rate = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(rate.status == 78 && rate.output.contains("as many sessions of users, scopes and shards"), "\(rate)")
  }
}
