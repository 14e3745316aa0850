import Glibc
import JSON
import Laboratory
import TestSupport
import Testing

/// `check --online` against STS: each failure is really made.
@Suite(.serialized) struct CheckOnlineTests {
  private func check(_ lab: Lab, _ words: String...) throws -> (status: CInt, output: String, errors: String) {
    let run = try ChildProcess.run([Programs.commandLine, "check", "--online", "--config", lab.configPath] + words)
    for secret in [RealmDraft.key.secret, RealmDraft.otherKey.secret, "STS."] {
      #expect(!"\(run)".contains(secret), "\(run)")
    }
    return (run.status, run.output, run.errors)
  }

  private static let account = RealmDraft.account

  @Test func `each role gets a session of both durations, and the daemon isn't involved`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let good = try check(lab)
    #expect(good.status == 0 && good.errors.isEmpty, "\(good)")
    for words in [
      "ok       endpoint \(lab.emulator.endpoint): answers, in ", "ok       clock: ",
      "ok       source main: the AccessKey is that of 'acs:ram::\(Self.account):user/keeper'",
      "ok       role uploader: STS issues sessions of 15min and, on request, 1h\n",
      "ok       role reports: STS issues sessions of 15min and, on request, 1h\n", "5 ok\n",
    ] { #expect(good.output.contains(words), "\(words) in:\n\(good.output)") }
    #expect(try lab.emulator.draws() == 4)
    #expect(access(lab.draft.socketPath, F_OK) != 0)
    let one = try check(lab, "--role", "reports")
    #expect(one.status == 0 && !one.output.contains("role uploader"), "\(one)")
    let none = try check(lab, "--role", "nobody")
    #expect(none.status == 1 && none.errors.contains("'--role nobody': there is no such role"), "\(none)")
  }

  @Test func `the same as one line of JSON, with what is said of the settings`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let good = try check(lab, "--json")
    #expect(good.status == 0 && good.errors.isEmpty && good.output.split(separator: "\n").count == 1, "\(good)")
    let bytes = Array(good.output.utf8)
    let document = try JSONDocument(bytes.span)
    #expect(document.root["verdict"]?.string() == "warning", "of the settings: \(good)")
    for words in [
      #"{"verdict":"ok","subject":"settings","text":"'\#(lab.configPath)' can be used; roles: 2","next":null}"#,
      #"{"verdict":"ok","subject":"role uploader","text":"STS issues sessions of 15min and, on request, 1h","next":null}"#,
    ] { #expect(good.output.contains(words), "\(words) in:\n\(good.output)") }
    let none = try check(lab, "--json", "--role", "nobody")
    #expect(none.status == 1 && none.errors.contains("'--role nobody': there is no such role"), "\(none)")
    lab.draft.roles[0].more = "colour = 1"
    try lab.writeSettings()
    let before = try lab.emulator.draws()
    let bad = try check(lab, "--json")
    #expect(bad.status == 78 && bad.output.hasPrefix(#"{"verdict":"failed","findings":[{"#), "\(bad)")
    #expect(bad.output.contains("colour") && bad.output.split(separator: "\n").count == 1, "\(bad)")
    #expect(try lab.emulator.draws() == before)
  }

  @Test func `bad settings are reported as ever, and STS isn't asked`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].more = "colour = 1" }
    let bad = try check(lab)
    #expect(bad.status == 78 && bad.output.contains("1 error, 1 warning: fix the errors"), "\(bad)")
    #expect(try lab.emulator.draws() == 0)
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let name: String
    var key = RealmDraft.key
    /// `max_duration`.
    var maximum = "1h"
    var change: @Sendable (String) -> String = { $0 }
    var fault: String?
    let says: [String]

    var testDescription: String { name }
  }

  @Test(arguments: [
    Refusal(
      name: "a key that isn't known", key: RealmDraft.otherKey,
      says: [
        "failed   source main: InvalidAccessKeyId.NotFound (HTTP 404", "next: put an AccessKey that exists into '",
      ]),
    Refusal(
      name: "a secret of another key", key: RealmDraft.Key(id: RealmDraft.key.id, secret: RealmDraft.otherKey.secret),
      says: ["failed   source main: SignatureDoesNotMatch", "the secret that belongs to it", "skipped  role uploader"]),
    Refusal(
      name: "a disabled key", change: { $0.replacing("active = true", with: "active = false") },
      says: ["InvalidAccessKeyId.Inactive", "enable the AccessKey in the RAM console"]),
    Refusal(
      name: "a user without the permission",
      change: { $0.replacing("AliyunSTSAssumeRoleAccess", with: "AliyunVODUploadAuth") },
      says: [
        "failed   role uploader: NoPermission (HTTP 403, request ", "AliyunSTSAssumeRoleAccess",
        "the AccessKey is that of 'acs:ram::1234567890123456:user/keeper'",
      ]),
    Refusal(
      name: "a trust policy for somebody else",
      change: { $0.replacing("acs:ram::1234567890123456:root", with: "acs:ram::1234567890123456:user/other") },
      says: ["failed   role uploader: NoPermission", "in the role's trust policy"]),
    Refusal(
      name: "no such role", change: { $0.replacing("roles.uploader", with: "roles.loader") },
      says: ["failed   role uploader: EntityNotExist.Role (HTTP 404", "ok       role reports: "]),
    Refusal(
      name: "a max_duration over the role's", maximum: "2h",
      change: { $0.replacing("max_session_duration = \"12h\"", with: "max_session_duration = \"1h\"") },
      says: ["role uploader: max_duration = 2h: InvalidParameter.DurationSeconds", "or lower 'max_duration'"]),
    Refusal(
      name: "a policy that STS finds too large", fault: "kind=error&status=400&code=InvalidParameter.PolicySize",
      says: ["InvalidParameter.PolicySize", "shorten the role's session policy"]),
  ])
  func `what STS refuses has its fix, and ends with 77`(row: Refusal) throws {
    var realm = RealmDraft(lifetime: nil)
    realm.keys = [RealmDraft.key]
    let lab = try Lab(realm) { draft in
      for index in draft.roles.indices {
        draft.roles[index].times.replace("max_duration = \"1h\"", with: "max_duration = \"\(row.maximum)\"")
      }
    }
    try lab.emulator.reload(realm: row.change(realm.text))
    try lab.write(key: row.key)
    if let fault = row.fault { try lab.emulator.fault("\(fault)&action=AssumeRole") }
    let run = try check(lab)
    #expect(run.status == 77 && run.errors.isEmpty, "\(run)")
    for words in row.says { #expect(run.output.contains(words), "\(words) in:\n\(run.output)") }
  }

  @Test func `an STS that is dead, or isn't trusted, is asked once and ends with 4`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=certificate&form=authority")
    let untrusted = try check(lab)
    #expect(untrusted.status == 4 && untrusted.output.contains("TLSVerification: "), "\(untrusted)")
    #expect(untrusted.output.contains("next: nothing was sent; look at 'sts.ca_file'"), "\(untrusted)")
    try lab.emulator.clearFaults()
    lab.draft.endpoint = "127.0.0.1:1"
    try lab.writeSettings()
    let dead = try check(lab)
    #expect(dead.status == 4 && dead.output.contains("failed   endpoint 127.0.0.1:1: Connect: "), "\(dead)")
    #expect(dead.output.contains("skipped  role uploader: no endpoint answers"), "\(dead)")
  }

  @Test func `a fallback takes the place of a dead endpoint, which is a warning`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    lab.draft.sts += "\nfallback_endpoints = [\"\(lab.emulator.endpoint)\"]"
    lab.draft.endpoint = "127.0.0.1:1"
    try lab.writeSettings()
    let run = try check(lab)
    #expect(run.status == 0 && run.output.contains("warning  endpoint 127.0.0.1:1: "), "\(run)")
    #expect(run.output.contains("ok       role reports: "), "\(run)")
  }

  @Test func `a dead proxy is named`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts += "\nproxy = \"http://127.0.0.1:1\"" }
    let run = try check(lab)
    #expect(run.status == 4 && run.output.contains("ProxyUnreachable: "), "\(run)")
    #expect(run.output.contains("next: look at 'sts.proxy', the route to it and the firewall"), "\(run)")
  }

  @Test func `a clock that is off is reported, and the sessions are had all the same`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.ask("POST", "/clock?ahead_seconds=3600")
    let run = try check(lab)
    #expect(
      run.output.contains("failed   clock: this host is 59min59s behind STS")
        || run.output.contains("failed   clock: this host is 1h behind STS"), "\(run)")
    #expect(run.status == 0 && run.output.contains("ok       role uploader: "), "\(run)")
  }

  @Test func `a throttled call is made again, and one that stays throttled isn't a refusal`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=throttle&retry_after_ms=20&action=AssumeRole&count=1")
    #expect(try check(lab).status == 0)
    try lab.emulator.fault("kind=throttle&retry_after_ms=20&action=AssumeRole", role: "uploader")
    let run = try check(lab)
    #expect(run.status == 4 && run.output.contains("failed   role uploader: Throttling"), "\(run)")
    #expect(run.output.contains("ok       role reports: "), "\(run)")
  }

  @Test func `a session that is shorter than asked is a warning`() throws {
    let lab = try Lab(RealmDraft(lifetime: "5min"))
    let run = try check(lab)
    #expect(run.status == 0 && run.output.contains("warning  role uploader: STS grants "), "\(run)")
    #expect(run.output.contains(" instead of 15min\n"), "\(run)")
  }
}
