import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// What readers get while STS misbehaves: the last good session until it lapses, then a refusal that says why.
@Suite(.serialized) struct OutageTests {
  struct Case: CustomStringConvertible {
    let role: String
    /// What the emulator does to the role's requests from the second on.
    let fault: String
    /// The code that readers and operators get.
    let code: String
    /// Whether it recovers by itself within seconds of the fault's end; the others wait longer, for a person or as STS requested.
    var mendsSoon = true
    var retryAfterAtLeast: Int64 = 1

    var description: String { role }
  }

  /// Stands in for the token or the policy, which some of the vendor's messages quote.
  static let quoted = "MARKED-QUOTED-FROM-THE-REQUEST"

  static let cases = [
    Case(role: "internal", fault: "kind=error&status=500", code: "InternalError"),
    Case(role: "unavailable", fault: "kind=error&status=503&message=\(quoted)", code: "ServiceUnavailable"),
    Case(
      role: "throttle-untold", fault: "kind=throttle", code: "Throttling.User", mendsSoon: false, retryAfterAtLeast: 2),
    Case(role: "asked-to-wait", fault: "kind=throttle&retry_after_ms=700", code: "Throttling.User"),
    Case(role: "refuse", fault: "kind=refuse", code: "NoAnswer"),
    Case(role: "drop", fault: "kind=drop", code: "AnswerCut"),
    Case(role: "hang", fault: "kind=delay&milliseconds=600000", code: "Timeout"),
    Case(role: "html", fault: "kind=html", code: "AnswerNotJSON"),
    Case(role: "page-502", fault: "kind=html&status=502", code: "AnswerNotJSON"),
    Case(role: "oversize", fault: "kind=oversize", code: "AnswerTooLarge"),
    Case(role: "empty", fault: "kind=empty", code: "AnswerIncomplete"),
    Case(role: "no-token", fault: "kind=empty&field=SecurityToken", code: "AnswerIncomplete"),
    Case(role: "missing", fault: "kind=missing&field=AccessKeySecret", code: "AnswerIncomplete"),
    Case(
      role: "past", fault: "kind=replace&field=Expiration&value=2020-01-01T00:00:00Z", code: "AnswerExpired"),
    Case(role: "inexact", fault: "kind=replace&field=Expiration&value=tomorrow", code: "AnswerBadExpiration"),
    Case(
      role: "signature", fault: "kind=error&status=400&code=SignatureDoesNotMatch&message=\(quoted)",
      code: "SignatureDoesNotMatch", mendsSoon: false, retryAfterAtLeast: 10),
    Case(
      role: "permission", fault: "kind=error&status=403&code=NoPermission&message=\(quoted)", code: "NoPermission",
      mendsSoon: false, retryAfterAtLeast: 10),
  ]

  @Test func `through each failure the last good session serves until it lapses, and no longer`() throws {
    let names = Self.cases.map(\.role)
    // The second request leaves after a quarter of that, and the slowest failure, the time-out, is known a second later: long
    // before the session lapses.
    let lab = try Lab(RealmDraft(lifetime: "7s", roles: names)) { draft in
      draft.sts = "requests_per_second = 100\nburst = 100\ntimeout = \"1s\""
      draft.level = "debug"
      draft.roles = names.map {
        SettingsDraft.Role($0, files: SettingsDraft.Role.file("credentials.json"))
      }
    }
    let daemon = try lab.start()
    for row in Self.cases { try lab.emulator.fault(row.fault, role: row.role) }

    var last: [String: Credential] = [:]
    var lapsed: [String: HTTPReply] = [:]
    try eventually("all roles lapse") {
      for row in Self.cases where lapsed[row.role] == nil {
        let reply = try daemon.get("/v1/roles/\(row.role)/credentials")
        let now = wallClock()
        if reply.status == 200 {
          let credential = try Credential(reply)
          // The margin is one second; an answer takes some time to get here.
          #expect(now < Double(credential.expiration.seconds) - 0.5, "\(row.role): handed out too late")
          last[row.role] = credential
        } else {
          lapsed[row.role] = reply
          let expiration = try #require(last[row.role]).expiration
          // The server's time is known to the second.
          #expect(now > Double(expiration.seconds) - 2.2, "\(row.role): refused too early")
        }
      }
      return lapsed.count == Self.cases.count
    }

    for row in Self.cases {
      let reply = lapsed[row.role]!
      let problem = try reply.problem
      #expect(reply.status == 503 && problem.kind == .noSession, "\(row)")
      #expect(problem.code == row.code, "\(row): \(reply.body)")
      let retry = reply.fields["retry-after"].flatMap { Int64($0) } ?? 0
      #expect(retry >= row.retryAfterAtLeast, "\(row): \(retry)")
      #expect(reply.fields["content-type"] == "application/problem+json")
      #expect(try lab.status(row.role).state == .lapsed)
      #expect(try lab.status(row.role).lastError?.code == row.code)
      #expect(
        daemon.logLines("refresh failed", "role=\(row.role)", "code=\(row.code)").count == 1, "\(row): logged once")
      try eventually("\(row): the file goes with the session") {
        access("\(lab.draft.directory)/\(row.role)/credentials.json", F_OK) != 0
      }
    }
    try eventually("health follows") { try daemon.get("/healthz").status == 503 }

    let events = try daemon.events()
    try lab.emulator.clearFaults()
    var waitingFor = Set(Self.cases.map(\.role))
    for row in Self.cases where !row.mendsSoon {
      #expect(try daemon.post("/v1/roles/\(row.role)/refresh").status == 202)
    }
    while !waitingFor.isEmpty {
      waitingFor.remove(try lab.await(events) { $0.kind == .rotated }.role)
    }
    for row in Self.cases {
      try daemon.awaitLog("refresh works again", "role=\(row.role)")
      try eventually("\(row): the file is there again") {
        access("\(lab.draft.directory)/\(row.role)/credentials.json", R_OK) == 0
      }
    }
    let said = daemon.log + (try daemon.get("/v1/status").body) + (try daemon.get("/metrics").body)
    #expect(!said.contains(Self.quoted))
    #expect(!lapsed.values.contains { reply in reply.body.contains(Self.quoted) })
  }

  /// A server whose Date is wrong by an hour must not move the end of what it grants.
  @Test(arguments: [3600, -3600])
  func `a wrong date in all answers is not believed, and no reader notices`(seconds: Int) throws {
    let lab = try Lab(RealmDraft(lifetime: "5s", roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    try lab.emulator.fault("kind=date&offset_seconds=\(seconds)")
    let daemon = try lab.start()
    let events = try daemon.events()
    let reader = try Reader(of: ["uploader"], at: lab)
    let start = try lab.awaitUse()
    for _ in 0..<5 { try lab.await(events) { $0.kind == .rotated } }
    #expect(daemon.logLines("date of an STS answer is unexpected").count == 1)
    try lab.emulator.clearFaults()
    for absurd in ["kind=date&absent=true", "kind=date&text=yesterday"] {
      try lab.emulator.fault("\(absurd)&count=1")
      #expect(try lab.await(events) { $0.kind == .rotated }.state == .valid)
    }
    try watch(for: .seconds(11), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 10), "\(findings)\n\(daemon.log)")
  }

  @Test func `a server that can't be reached is reported as such, and used when it is back`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    try lab.emulator.fault("kind=unreachable")
    let daemon = try lab.start()
    let reply = try daemon.get("/v1/roles/uploader/credentials")
    #expect(reply.status == 503)
    #expect(try reply.problem.code != nil, "\(reply.body)")
    let waiting = try StreamConnection(unix: lab.draft.socketPath)
    try waiting.request("GET", "/v1/roles/uploader/credentials?wait=60")
    try lab.emulator.clearFaults()
    #expect(try waiting.readReply().status == 200)
  }
}

/// Whoever can't prove to be STS gets nothing, and what it answers is nothing.
@Suite(.serialized) struct CertificateTests {
  @Test func `a certificate of an unknown authority never leads to a credential and is an error in the log`() throws {
    let directory = try TemporaryDirectory()
    let stranger = try EmulatorProcess(realm: RealmDraft(lifetime: nil).text, in: directory, named: "stranger")
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.authorityPath = stranger.authorityPath }
    let daemon = try lab.start()
    try eventually("it is tried more than once") {
      try daemon.get("/metrics").body.contains(#"attempts_total{role="uploader",code="TLSVerification"} 2"#)
    }
    for role in ["uploader", "reports"] {
      #expect(try daemon.get("/v1/roles/\(role)/credentials").status == 503)
      #expect(daemon.logLines("error: ", "role=\(role)", "code=TLSVerification").count == 1)
    }
    #expect(try lab.emulator.draws() == 0, "a signed request must not even be sent")
  }
}
