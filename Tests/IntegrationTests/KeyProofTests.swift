import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// A new AccessKey signs once STS has accepted it, and whoever looks sees what keeps it from that.
@Suite(.serialized) struct KeyProofTests {
  static let roles = ["uploader", "reports"]

  /// It was shown as in use at once, and the README then said to disable the old one.
  @Test func `a wrong new key isn't taken, and status, metrics and the manager's line say so until it is right`() throws
  {
    let lab = try Lab(RealmDraft(lifetime: "6s"))
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, at: lab)
    let start = try lab.awaitUse()
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("error: new AccessKey refused", "access_key_id=LTAI…hero", "InvalidAccessKeyId.NotFound")
    let source = try #require(try lab.report().sources.first)
    #expect(source.state == .keyNotTaken && source.accessKeyID == RealmDraft.key.id)
    #expect(source.newKey?.accessKeyID == "LTAI…hero" && source.newKey?.error?.code == "InvalidAccessKeyId.NotFound")
    let role = try lab.status("uploader").source
    #expect(role?.state == .keyNotTaken && role?.error?.code == "InvalidAccessKeyId.NotFound")
    #expect(try !daemon.get("/v1/roles/uploader").body.contains("LTAI"))
    let metrics = try daemon.get("/metrics").body
    #expect(metrics.contains(#"rolekeeper_source_error{source="main",state="key-not-taken"} 1"#))
    #expect(metrics.contains(#"rolekeeper_source_proven_timestamp_seconds{source="main"} 1"#))
    #expect(metrics.contains(#"rolekeeper_source_last_accepted_timestamp_seconds{source="main"} 1"#))
    for target in ["/healthz", "/v1/roles/uploader/healthz"] {
      #expect(try daemon.get(target).body.contains("degraded"))
    }
    // It read as if the key in use had failed.
    let judged = try lab.rolekeeper("status", "--check", "uploader")
    #expect(judged.status == 1 && judged.output.contains("'main': new AccessKey not taken"), "\(judged)")
    let table = try lab.rolekeeper("status").output
    #expect(
      table.contains("LTAI…hero not taken: InvalidAccessKeyId.NotFound") && !table.contains(RealmDraft.otherKey.id))
    try eventually("the manager's line") {
      daemon.notify.messages().contains("source 'main': new AccessKey not taken (InvalidAccessKeyId.NotFound)")
    }
    // The key is enabled in the console; a reload has it asked for again at once.
    var realm = RealmDraft(lifetime: "6s")
    realm.keys.append(RealmDraft.otherKey)
    try lab.emulator.reload(realm: realm.text)
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id)
    #expect(try lab.report().sources.first?.state == .working)
    try watch(for: .seconds(13), since: start)
    try lab.awaitRotations(of: Self.roles)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 12), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("refresh failed").isEmpty)
  }

  @Test func `a key of another user is taken with a warning that names both`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let other = RealmDraft.otherKey
    try lab.emulator.reload(
      realm: RealmDraft(lifetime: nil).text + """

        [accounts.\(RealmDraft.account).users.somebody]
        access_keys = [{ id = "\(other.id)", secret = "\(other.secret)" }]
        policies = ["AliyunSTSAssumeRoleAccess"]
        """)
    try lab.write(key: other)
    let arns = ["keeper", "somebody"].map { "acs:ram::\(RealmDraft.account):user/\($0)" }
    try daemon.awaitLog(
      "warning: the new AccessKey belongs to a different identity", "previous_arn=\(arns[0])", "arn=\(arns[1])")
    try daemon.awaitLog("AccessKey changed", other.id)
  }

  /// It was called ok by all of them until the last session lapsed.
  @Test func `a key in force that may not assume a role degrades status, health and metrics until it may`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    func health() throws -> Health.Status {
      try HealthAnswer(parsing: Array(daemon.get("/healthz").body.utf8).span).status
    }
    // A failure that passes is none.
    try lab.emulator.fault("kind=error&status=503&count=1", role: "uploader")
    try lab.refresh(["uploader"])
    try eventually("it failed") { try lab.attempts(of: "uploader", code: "ServiceUnavailable") == 1 }
    #expect(try health() == .ok)
    let other = RealmDraft.otherKey
    func user(_ policies: String) -> String {
      RealmDraft(lifetime: nil).text + """

        [accounts.\(RealmDraft.account).users.somebody]
        access_keys = [{ id = "\(other.id)", secret = "\(other.secret)" }]
        policies = [\(policies)]
        """
    }
    try lab.emulator.reload(realm: user(""))
    try lab.write(key: other)
    try daemon.awaitLog("AccessKey changed", other.id)
    try lab.refresh(["uploader"])
    try eventually("health follows:\n\(daemon.log)") { try health() == .degraded }
    #expect(try daemon.get("/healthz").status == 200)
    let code = try #require(try lab.status("uploader").lastError?.code)
    #expect(try lab.status("uploader").needsAttention && lab.status("uploader").state == .failing)
    #expect(try !lab.status("reports").needsAttention)
    let report = try lab.report()
    #expect(report.health.reasons.map(\.kind) == [.refresh] && report.health.reasons[0].role == "uploader")
    let detail = report.health.reasons[0].detail
    #expect(detail.contains(code) && detail.contains("its session lasts"), "\(detail)")
    #expect(try daemon.get("/v1/roles/uploader/healthz").body.contains("its session lasts"))
    #expect(try daemon.get("/v1/roles/reports/healthz").body.contains(#""status":"ok""#))
    for words in [["status", "--check"], ["status", "--check", "uploader"]] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + words)
      #expect(run.status == 1 && run.output.hasPrefix("degraded: role 'uploader' isn't refreshed: \(code)"), "\(run)")
    }
    #expect(try lab.rolekeeper("status", "--check", "reports").status == 0)
    #expect(try lab.rolekeeper("status").output.contains("not refreshed any more: 'uploader'"))
    let metrics = try daemon.get("/metrics").body
    #expect(metrics.contains("rolekeeper_health 1\n"))
    #expect(metrics.contains("rolekeeper_role_not_refreshed{role=\"uploader\"} 1\n"))
    #expect(!metrics.contains("rolekeeper_role_not_refreshed{role=\"reports\"}"))
    try eventually("the manager's line") { daemon.notify.messages().contains("not refreshed any more: 'uploader'") }
    try lab.emulator.reload(realm: user("\"AliyunSTSAssumeRoleAccess\""))
    try eventually("all is well:\n\(daemon.log)") {
      try lab.refresh(["uploader"])
      return try health() == .ok
    }
    #expect(try lab.rolekeeper("status", "--check").status == 0)
  }

  @Test func `while STS can't be asked whose the key is the old one signs, and the proof is tried again`() throws {
    var realm = RealmDraft(lifetime: nil)
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    try lab.emulator.fault("kind=error&status=503&action=GetCallerIdentity")
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("warning: new AccessKey can't be checked yet", "ServiceUnavailable")
    try lab.refresh(["uploader"])
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
    try lab.emulator.clearFaults()
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id, within: 90)
  }

  /// The key there signed at once, whatever it was; where there was none, nothing signed any more.
  @Test func `a reload that names another key file keeps the key in use until the one there is proven`() throws {
    var realm = RealmDraft(lifetime: nil)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    func move(to name: String) throws {
      lab.draft.keyPath = lab.directory.path(name)
      try lab.writeSettings()
      #expect(try daemon.post("/v1/reload").status == 200)
    }
    try move(to: "missing-key")
    let source = try #require(try lab.report().sources.first)
    #expect(source.state == .unreadable && source.accessKeyID == RealmDraft.key.id && source.provenAt != nil)
    #expect(source.error?.advice.contains("missing-key") == true)
    try eventually("the manager's line") { daemon.notify.messages().contains("missing-key") }
    #expect(
      try daemon.get("/metrics").body.contains(#"rolekeeper_source_error{source="main",state="unreadable"} 1"#))
    try lab.refresh(["uploader"])
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("error: new AccessKey refused", "InvalidAccessKeyId.NotFound")
    try lab.refresh(["uploader"])
    realm.keys.append(RealmDraft.otherKey)
    try lab.emulator.reload(realm: realm.text)
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id)
  }

  /// The status showed nothing.
  @Test(arguments: ["gone", "half"])
  func `a key file that can't be used is in the status, the metrics and the manager's line`(_ fault: String) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    if fault == "gone" { unlink(lab.draft.keyPath) } else { try lab.write(keyFile: "AccessKey ID,AccessKey Sec") }
    try daemon.awaitLog("AccessKey file can't be used")
    let words = fault == "gone" ? "No such file" : "no column"
    let source = try #require(try lab.report().sources.first)
    #expect(source.state == .unreadable && source.error?.advice.contains(words) == true)
    #expect(try lab.status("uploader").source?.error?.advice.contains(words) == true)
    #expect(
      try daemon.get("/metrics").body.contains(#"rolekeeper_source_error{source="main",state="unreadable"} 1"#))
    #expect(try lab.rolekeeper("status").output.contains(words))
    try eventually("the manager's line") { daemon.notify.messages().contains(words) }
    try lab.write(key: RealmDraft.key)
    try daemon.awaitLog("AccessKey file is usable again")
    #expect(try lab.report().sources.first?.state == .working)
  }

  /// The secret was in the journal and in the status as `access_key_id`.
  @Test(arguments: ["csv", "json", "lines"])
  func `a key whose id and secret are swapped is refused, and the secret is nowhere`(_ form: String) throws {
    let (id, secret) = (RealmDraft.key.secret, RealmDraft.key.id)
    let lab = try Lab(RealmDraft(lifetime: nil))
    let text =
      switch form {
      case "csv": "AccessKey ID,AccessKey Secret\n\(id),\(secret)\n"
      case "json": #"{"AccessKeyId":"\#(id)","AccessKeySecret":"\#(secret)"}"#
      default: "ALIBABA_CLOUD_ACCESS_KEY_ID=\(id)\nALIBABA_CLOUD_ACCESS_KEY_SECRET=\(secret)\n"
      }
    try lab.write(keyFile: text)
    let daemon = try lab.start()
    try daemon.awaitLog("error: no AccessKey", "the AccessKey id and the AccessKey secret are swapped")
    var shown = daemon.log + daemon.notify.messages()
    for target in ["/v1/status", "/metrics", "/v1/roles", "/healthz", "/v1/roles/uploader/credentials"] {
      shown += try daemon.get(target).body
    }
    let check = try lab.rolekeeper("check", "--config", lab.configPath)
    #expect(check.errors.contains("are swapped") || check.output.contains("are swapped"))
    shown += check.output + check.errors
    for status in [["status"], ["status", "--json"]] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + status)
      shown += run.output + run.errors
    }
    #expect(!shown.contains(RealmDraft.key.secret.prefix(10)) && !shown.contains(RealmDraft.key.id), "\(shown)")
    try lab.write(key: RealmDraft.key)
    try daemon.awaitLog("AssumeRole has accepted the AccessKey", RealmDraft.key.id)
  }

  /// Where something else has used up what there is of inotify, the daemon refused to start.
  @Test(.needs(.root))
  func `without an inotify instance it starts, names the sysctl, and takes a new key up when the old one is refused`()
    throws
  {
    var realm = RealmDraft(lifetime: nil)
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start(wrapper: Self.withoutInotify)
    try daemon.awaitLog("warning: AccessKey file can't be watched", "fs.inotify.max_user_instances")
    try lab.emulator.fault("kind=key-disabled&key=\(RealmDraft.key.id)")
    try lab.write(key: RealmDraft.otherKey)
    _ = try daemon.post("/v1/roles/uploader/refresh")
    try daemon.awaitLog("AccessKey changed", within: 20)
    try daemon.awaitLog("AssumeRole has accepted the AccessKey", RealmDraft.otherKey.id)
  }

  /// A user namespace has a limit of its own (namespaces(7), /proc/sys/user).
  static let withoutInotify = [
    "/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c",
    "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"", "sh",
  ]
}
