import Core
import Glibc
import JSON
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// A session that somebody revoked in the console, reported by a reader that a cloud service refused.
@Suite(.serialized) struct StandbyTests {
  /// A lab whose role has two sessions, which end at different times, and files; the one in use and its standby.
  private struct Pool {
    let lab: Lab
    /// In memory, where files are written in the same turn; those on a disk follow it by what the disk takes.
    private let place: TemporaryDirectory
    let events: StreamConnection
    let standby: Credential
    let inUse: Credential

    init(in home: String = "/dev/shm", _ adjust: (inout SettingsDraft) -> Void = { _ in }) throws {
      let place = try TemporaryDirectory(in: home)
      let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
        draft.roles = [SettingsDraft.Role("uploader", files: SettingsDraft.Role.file("credentials.json"))]
        draft.directory = place.path("roles")
        adjust(&draft)
      }
      let daemon = try lab.start()
      let events = try daemon.events()
      let first = try lab.credential("uploader")
      try eventually("another second has begun") { wallClock() > Double(first.expiration.seconds) - 900 + 1.1 }
      try lab.refresh(["uploader"])
      try lab.await(events) { $0.kind == .rotated && $0.generation == 2 }
      (self.lab, self.place, self.events) = (lab, place, events)
      standby = first
      inUse = try lab.credential("uploader")
    }

    var file: String { FileText.read("\(lab.draft.directory)/uploader/credentials.json") ?? "" }

    /// How many GetCallerIdentity calls STS was asked.
    func checks() throws -> Int {
      var sum: Int64 = 0
      let text = Array(try lab.emulator.ask("GET", "/requests").utf8)
      try JSONDocument(text.span).root["counts"]?.forEachItem { line in
        if line["action"]?.string() == "GetCallerIdentity" { sum += line["count"]?.int ?? 0 }
      }
      return Int(sum)
    }

    /// Those that a session signed: the daemon proves its own AccessKey by the same call.
    func checks(of session: Credential) throws -> Int {
      try lab.emulator.ask("GET", "/requests/recent").split(separator: "{").count {
        $0.contains("GetCallerIdentity") && $0.contains(session.keyID)
      }
    }
  }

  @Test func `a revoked session that is reported gives way to its standby while AssumeRole is unreachable`() throws {
    let pool = try Pool()
    let (lab, daemon) = (pool.lab, pool.lab.daemon!)
    #expect(pool.inUse.keyID != pool.standby.keyID)
    let before = try lab.status("uploader").generation
    try lab.emulator.fault("kind=session-revoked&key=\(pool.inUse.keyID)")
    try lab.emulator.fault("kind=refuse&action=AssumeRole")

    let report = try lab.rolekeeper("report", "uploader")
    #expect(report.status == 0 && report.output == "condemned\n", "\(report)")
    let reply = try daemon.get("/v1/roles/uploader/credentials")
    let next = try Credential(reply)
    #expect(next.keyID == pool.standby.keyID && next.secret == pool.standby.secret)
    #expect(next.token == pool.standby.token)
    #expect(reply.fields["rolekeeper-generation"] == "\(before + 1)")
    #expect(pool.file == reply.body)
    let event = try lab.await(pool.events) { $0.generation == before + 1 }
    #expect(event.accessKeyID == pool.standby.keyID && event.kind == .rotated)
    #expect(daemon.logLines("warning: ", "role=uploader", pool.inUse.keyID).count == 1)

    let standby = try lab.rolekeeper("report", "uploader", pool.standby.keyID)
    #expect(standby.status == 0 && standby.output == "in-use\n", "\(standby)")
    #expect(try lab.credential("uploader").keyID == pool.standby.keyID)
    try lab.emulator.clearFaults()
    try lab.await(pool.events) { $0.generation > before + 1 && $0.accessKeyID != pool.standby.keyID }
  }

  @Test func `without a standby a revoked session that is reported is handed out no more`() throws {
    let pool = try Pool { $0.roles[0].times += "\npool = 1\nrefresh_after = \"10min\"" }
    let (lab, daemon) = (pool.lab, pool.lab.daemon!)
    try lab.emulator.fault("kind=session-revoked&key=\(pool.inUse.keyID)")
    let refused = try lab.emulator.fault("kind=refuse&action=AssumeRole")
    let target = "/v1/roles/uploader/report?access_key_id=\(pool.inUse.keyID)"
    let answer = try daemon.post(target)
    #expect(answer.status == 200)
    let result = try SessionCheckResult(parsing: Array(answer.body.utf8).span)
    #expect(result.result == .condemned && result.code == "InvalidAccessKeyId.NotFound")
    #expect(result.checkedAt != nil && result.accessKeyID == pool.inUse.keyID)
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 503)
    #expect(pool.file.isEmpty)
    #expect(try lab.rolekeeper("report", "uploader").status == 4, "there is none to report")
    try lab.emulator.clearFault(refused)
    let next = try Credential(try daemon.get("/v1/roles/uploader/credentials?wait=60"))
    #expect(next.keyID != pool.inUse.keyID)
  }

  /// The old content stayed whole, with a session that the cloud refuses.
  @Test(arguments: ["/dev/shm", "/tmp"])
  func `a file whose session is condemned goes where the standby can't be written`(_ home: String) throws {
    let pool = try Pool(in: home)
    let (lab, daemon) = (pool.lab, pool.lab.daemon!)
    try eventually("it is in the file") { pool.file.contains(pool.inUse.keyID) }
    try lab.emulator.fault("kind=session-revoked&key=\(pool.inUse.keyID)")
    try lab.emulator.fault("kind=refuse&action=AssumeRole")
    // Nothing is written to a directory that others may write to.
    chmod(lab.draft.directory, 0o777)
    #expect(try lab.rolekeeper("report", "uploader").output == "condemned\n")
    try eventually("the file is gone:\n\(daemon.log)", within: 5) { pool.file.isEmpty }
    try daemon.awaitLog("warning: removed a credential file whose session STS refuses", "role=uploader")
    #expect(daemon.logLines("error: credential file not written").count == 1)
    try eventually("no generation is claimed to be there") {
      try lab.status("uploader").outputs.map(\.generation) == [nil]
    }
    chmod(lab.draft.directory, 0o755)
    try eventually("the standby is in the file", within: 25) { pool.file.contains(pool.standby.keyID) }
  }

  struct Case: CustomTestStringConvertible {
    let fault: String
    let code: String

    var testDescription: String { fault }
  }

  @Test(arguments: [
    Case(fault: "kind=refuse", code: ""),
    Case(fault: "kind=throttle", code: "Throttling.User"),
    Case(fault: "kind=error&status=403&code=NoPermission", code: "NoPermission"),
    Case(fault: "kind=error&status=400&code=InvalidTimeStamp.Expired", code: "InvalidTimeStamp.Expired"),
    Case(fault: "kind=error&status=400&code=SignatureDoesNotMatch", code: "SignatureDoesNotMatch"),
    Case(fault: "kind=html", code: ""),
    Case(fault: "kind=delay&milliseconds=60000", code: ""),
  ])
  func `whatever else STS says or doesn't say leaves the session in use`(_ row: Case) throws {
    let pool = try Pool()
    try pool.lab.emulator.fault("\(row.fault)&action=GetCallerIdentity")
    var report = (status: CInt(0), output: "", errors: "")
    let took = try seconds { report = try pool.lab.rolekeeper("report", "uploader") }
    #expect(report.status == 4 && report.output == "unchecked\n" && report.errors.contains(row.code), "\(report)")
    #expect(took < 10)
    #expect(try pool.lab.credential("uploader").keyID == pool.inUse.keyID)
  }

  @Test func `a session is asked for once, and one that isn't held isn't`() throws {
    let pool = try Pool()
    let (lab, daemon) = (pool.lab, pool.lab.daemon!)
    let waiting = try (0..<8).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in waiting {
      try connection.request("POST", "/v1/roles/uploader/report?access_key_id=\(pool.inUse.keyID)")
    }
    for connection in waiting { #expect(try connection.readReply().body.contains(#""result":"in-use""#)) }
    #expect(try pool.checks(of: pool.inUse) == 1)
    let before = try pool.checks()
    #expect(try daemon.post("/v1/roles/uploader/report?access_key_id=STS.somethingelse").status == 404)
    #expect(try daemon.post("/v1/roles/uploader/report").status == 400)
    #expect(try daemon.get("/v1/roles/uploader/report?access_key_id=\(pool.inUse.keyID)").status == 405)
    let unknown = try lab.rolekeeper("report", "uploader", "STS.somethingelse")
    #expect(unknown.status == 1 && unknown.output.isEmpty)
    #expect(try lab.rolekeeper("report", "uploader", "LTAIkeeper").status == 2)
    #expect(try pool.checks() == before)
  }

  @Test(.needs(.root)) func `whoever may read the role may report, and nobody else`() throws {
    let pool = try Pool { draft in
      draft.socket = "mode = \"0666\""
      draft.roles[0].more = "allow = { users = [\(Person.reader)] }"
    }
    chmod(pool.lab.directory.path, 0o755)
    let target = "/v1/roles/uploader/report?access_key_id=\(pool.inUse.keyID)"
    #expect(try pool.lab.ask(target, method: "POST", as: Person.stranger).status == 403)
    #expect(try pool.checks(of: pool.inUse) == 0)
    let allowed = try pool.lab.ask(target, method: "POST", as: Person.reader)
    #expect(allowed.status == 200 && allowed.body.contains(#""result":"in-use""#), "\(allowed)")
    #expect(try pool.checks(of: pool.inUse) == 1)
  }
}
