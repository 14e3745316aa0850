import Core
import Glibc
import JSON
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// `session_per = "user"`, from the real daemon.
@Suite(.serialized, .needs(.root)) struct UserSessionTests {
  private static func lab(_ more: String = "") throws -> Lab {
    try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.socket = "mode = \"0666\""
      draft.roles[0].more = """
        session_per = "user"
        \(more)
        allow = { groups = [\(Person.clients)] }
        """
    }
  }

  private func get(_ uid: UInt32, _ lab: Lab) throws -> (status: CInt, output: String, errors: String) {
    try lab.rolekeeper("get", "uploader", "--wait", "10s", wrapper: Person.words(uid))
  }

  @Test func `three users have three sessions, each with a name of its own`() throws {
    let lab = try Self.lab()
    let daemon = try lab.start()
    var names: Set<Substring> = []
    var ids: Set<String> = []
    for uid in [Person.reader, Person.stranger, Person.admin] {
      let run = try get(uid, lab)
      #expect(run.status == 0, "\(run)")
      let arn = try CloudCall.make("GetCallerIdentity", version: "2015-04-01", with: run.output, at: lab)[2]
      #expect(arn.hasSuffix("-uploader-u\(uid)"), "\(arn)")
      names.insert(arn)
      ids.insert(try Credential(document: run.output).keyID)
      #expect(try Credential(document: get(uid, lab).output).keyID == Credential(document: run.output).keyID)
    }
    #expect(names.count == 3 && ids.count == 3)
    let root = try lab.rolekeeper("get", "uploader")
    let arn = try CloudCall.make("GetCallerIdentity", version: "2015-04-01", with: root.output, at: lab)[2]
    #expect(arn.hasSuffix("-uploader-root"), "\(arn)")
    #expect(try lab.emulator.draws(of: "uploader") == 5)
    #expect(try lab.status("uploader").userSessions?.count == 4)
    #expect(daemon.child.stop() == 0)
  }

  @Test func `with source_identity a trust policy can ask for the user`() throws {
    let lab = try Self.lab("source_identity = true")
    try lab.start()
    // The role's own session, which is there by now, is nobody's.
    let condition = #""Condition":{"StringEquals":{"sts:SourceIdentity":"u\#(Person.reader)"}}"#
    let principal = #""Principal":{"RAM":["acs:ram::\#(RealmDraft.account):root"]}"#
    let policy =
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",\#(principal),\#(condition)}]}"#
    try lab.emulator.reload(
      realm: RealmDraft(lifetime: nil).text.replacing(
        "trust = [\"acs:ram::\(RealmDraft.account):root\"]", with: "trust_policy = '\(policy)'"))
    #expect(try get(Person.reader, lab).status == 0)
    let other = try get(Person.stranger, lab)
    #expect(other.status != 0 && other.errors.contains("NoPermission"), "\(other)")
  }

  @Test func `beyond max_users the next one is refused`() throws {
    let lab = try Self.lab("max_users = 1")
    let daemon = try lab.start()
    #expect(try get(Person.reader, lab).status == 0)
    let refused = try get(Person.stranger, lab)
    #expect(refused.status != 0 && refused.errors.contains("1 user has a session"), "\(refused)")
    try daemon.awaitLog("session for another user refused, since max_users have one")
    let answer = try lab.ask("/v1/roles/uploader/credentials", as: Person.stranger)
    #expect(answer.status == 429)
  }

  @Test func `files and units have the role's own session`() throws {
    let lab = try Self.lab()
    lab.draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    try lab.writeSettings()
    try lab.start()
    let file = "\(lab.draft.directory)/uploader/credentials.json"
    try eventually("the file is written") { access(file, R_OK) == 0 }
    let own = try Credential(document: try lab.rolekeeper("get", "uploader", "--wait", "10s").output)
    #expect(try Credential(document: FileText.read(file) ?? "").keyID != own.keyID)
  }
}
