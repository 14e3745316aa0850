import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct ReservationTests {
  @Test func `a reader gets a session as long as it asks for, and the next one shares it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let asked = Int64(wallClock())
    let long = try Credential(try daemon.get("/v1/roles/uploader/credentials?min_ttl=2400"))
    // 1.25 times what was asked and a minute.
    #expect(long.expiration.seconds >= asked + 3000)
    let shared = try Credential(try daemon.get("/v1/roles/uploader/credentials?min_ttl=1800"))
    #expect(shared.keyID == long.keyID)
    #expect(try lab.credential("uploader").keyID != long.keyID, "plain reads get the ring's")
    #expect(try lab.emulator.draws(of: "uploader") == 2)
    let short = try Credential(try daemon.get("/v1/roles/uploader/credentials?min_ttl=60"))
    #expect(short.keyID.hasPrefix("STS."))
    #expect(try lab.emulator.draws(of: "uploader") == 2)
  }

  @Test func `status shows who holds a reservation`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    #expect(try lab.status("uploader").reservation == nil)
    #expect(try daemon.get("/v1/roles/uploader/credentials?min_ttl=2400").status == 200)
    let reservation = try #require(try lab.status("uploader").reservation)
    #expect(reservation.uids == [geteuid()] && reservation.duration == .seconds(3060))
    #expect((2900...3061).contains(reservation.expiresIn.wholeSeconds))
    let user = String(cString: getpwuid(geteuid()).pointee.pw_name)
    let table = try lab.rolekeeper("status").output
    #expect(
      table.contains(/RESERVATION +EXPIRES IN +DURATION +HELD BY/) && table.contains(/uploader +5[01]min.* +51min +/),
      "\(table)")
    #expect(table.contains(user))
    #expect(try lab.rolekeeper("status", "uploader").output.contains("held by \(user)"))
    #expect(try lab.rolekeeper("wait", "uploader", "--min-ttl", "40min", "--timeout", "1s").status == 0)
  }

  @Test func `more than the role can have is refused with the most that it can`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let reply = try daemon.get("/v1/roles/uploader/credentials?min_ttl=3600")
    #expect(reply.status == 409)
    #expect(try reply.problem.maxTTL == .seconds(3540))
    #expect(try daemon.get("/v1/roles/uploader/credentials?min_ttl=3540").status == 200)
    let get = try lab.rolekeeper("get", "uploader", "--min-ttl", "3h")
    #expect(get.status == 1 && get.output.isEmpty && get.errors.contains("59min"))
    #expect(try lab.emulator.draws(of: "uploader") == 2)
  }

  @Test func `a role's longer sessions are fetched at most once a minute, and one user causes at most four fetches`()
    throws
  {
    let names = (1...6).map { "role\($0)" }
    let lab = try Lab(RealmDraft(lifetime: nil, roles: names)) { $0.roles = names.map { SettingsDraft.Role($0) } }
    let daemon = try lab.start()
    #expect(try daemon.get("/v1/roles/role1/credentials?min_ttl=1200").status == 200)
    let soon = try daemon.get("/v1/roles/role1/credentials?min_ttl=3000")
    #expect(soon.status == 429)
    #expect(try soon.problem.kind == .tooManyReservations)
    #expect((30...61).contains(Int(soon.fields["retry-after"] ?? "") ?? 0))
    for role in names[1...3] { #expect(try daemon.get("/v1/roles/\(role)/credentials?min_ttl=1200").status == 200) }
    #expect(try daemon.get("/v1/roles/role5/credentials?min_ttl=1200").status == 429)
    // Plain reads don't count.
    #expect(try daemon.get("/v1/roles/role5/credentials").status == 200)
    #expect(try lab.emulator.draws() == names.count + 4)
  }

  /// It waited for all of its time for a fetch that the rate didn't allow in it.
  @Test func `who can't wait until the rate lets the fetch go is refused at once, beside one who can`() throws {
    let names = ["role1", "role2"]
    let lab = try Lab(RealmDraft(lifetime: nil, roles: names)) {
      $0.roles = names.map { SettingsDraft.Role($0) }
      $0.sts = "requests_per_second = 0.1\nburst = 4\ntimeout = \"3s\""
    }
    let daemon = try lab.start()
    #expect(try daemon.get("/v1/roles/role1/credentials?min_ttl=1200").status == 200)
    let patient = try StreamConnection(unix: lab.draft.socketPath)
    try patient.request("GET", "/v1/roles/role2/credentials?min_ttl=1200&wait=60")
    func expectRefusal() throws {
      let reply = try daemon.get("/v1/roles/role2/credentials?min_ttl=1200&wait=10")
      #expect(reply.status == 429 && reply.body.contains("requests_per_second"), "\(reply.body)")
      #expect((20...42).contains(Int(reply.fields["retry-after"] ?? "") ?? 0))
    }
    try expectRefusal()
    try eventually("the fetch is queued") { try lab.report().rate.queued == 1 }
    try expectRefusal()
    #expect(try daemon.get("/v1/roles/role2/credentials").status == 200, "plain reads go on")
  }

  /// One leaves without waiting for the end: the fetch continues for the others.
  @Test func `all waiting readers share one fetch, and one that leaves cancels nothing`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    try lab.emulator.fault("kind=delay&milliseconds=800", role: "uploader")
    var waiting = try (0..<20).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in waiting { try connection.request("GET", "/v1/roles/uploader/credentials?min_ttl=2000") }
    waiting.removeFirst()
    let keys = Set(try waiting.map { try Credential(try $0.readReply()).keyID })
    #expect(keys.count == 1)
    #expect(try lab.emulator.draws(of: "uploader") == 2)
  }

  @Test func `a reader waits for the first session, and gets a refusal if none comes in its time`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=delay&milliseconds=1200")
    let daemon = try lab.launch()
    try eventually("the socket is there") { (try? StreamConnection(unix: lab.draft.socketPath)) != nil }
    let waiting = try (0..<10).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in waiting { try connection.request("GET", "/v1/roles/uploader/credentials?wait=30") }
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 503)
    let late = try daemon.get("/v1/roles/uploader/credentials?wait=0")
    #expect(late.status == 503 && late.fields["retry-after"] != nil)
    #expect(Set(try waiting.map { try Credential(try $0.readReply()).keyID }).count == 1)
    #expect(try lab.emulator.draws(of: "uploader") == 1)
    try daemon.awaitReady()
  }

  /// Three of them were refused at once.
  @Test func `four jobs that are started at once wait for one fetch of the longest they ask for`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) {
      $0.roles[0].times = $0.roles[0].times.replacing("max_duration = \"1h\"", with: "max_duration = \"12h\"")
    }
    try lab.start()
    let hours = [4, 6, 8, 10]
    let jobs = try hours.map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    let asked = Int64(wallClock())
    for (job, hours) in zip(jobs, hours) {
      try job.request("GET", "/v1/roles/uploader/credentials?min_ttl=\(hours * 3600)&wait=60")
    }
    let credentials = try jobs.map { try Credential(try $0.readReply()) }
    #expect(Set(credentials.map(\.keyID)).count == 1)
    #expect(credentials[0].expiration.seconds >= asked + 10 * 3600)
    #expect(try lab.emulator.draws(of: "uploader") == 2, "the ring's and one more")
  }

  /// It waited to the end, and the answer was that a session was being fetched.
  @Test(arguments: ["wait=25", "min_ttl=60&wait=25", "min_ttl=2000&wait=25"])
  func `whoever waits for a fetch that fails learns at once what failed`(_ query: String) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
    let daemon = try lab.start()
    let start = wallClock()
    let reply = try daemon.get("/v1/roles/uploader/credentials?\(query)")
    #expect(reply.status == 503)
    #expect(try reply.problem.code == "NoPermission", "\(reply.body)")
    // The next attempt of the role is 30 s away, or more.
    #expect(wallClock() - start < 15)
  }

  @Test func `a session that lives long enough is handed out whatever the settings are by now`() throws {
    let times = { (duration: String, more: String) in
      "duration = \"\(duration)\"\nfloor = \"5min\"\nsurvive_outage = \"5min\"\n\(more)"
    }
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].times = times("12h", "") }
    let daemon = try lab.start()
    let long = try lab.credential("uploader")
    for more in ["", "pool = 1"] {
      lab.draft.roles[0].times = times("1h", more)
      try lab.writeSettings()
      #expect(try daemon.post("/v1/reload").status == 200)
      for minTTL in [0, 1800, 3600 * 11] {
        let held = try Credential(try daemon.get("/v1/roles/uploader/credentials?min_ttl=\(minTTL)"))
        #expect(held.keyID == long.keyID, "min_ttl=\(minTTL), \(more)")
      }
    }
  }

  @Test func `a refused reservation fails those who wait and not the role`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    try lab.emulator.fault("kind=error&status=400&code=InvalidParameter.DurationSeconds", role: "uploader")
    let reply = try daemon.get("/v1/roles/uploader/credentials?min_ttl=2000")
    #expect(reply.status == 409, "\(reply.body)")
    #expect(try reply.problem.code == "InvalidParameter.DurationSeconds")
    // It said 'duration', which has nothing to do with it.
    #expect(try reply.problem.detail.contains("lower 'max_duration'"), "\(reply.body)")
    // It was asked to try again in a minute, and `wait` waited.
    let later = try daemon.get("/v1/roles/uploader/credentials?min_ttl=2000&wait=0")
    #expect(later.status == 409, "\(later.body)")
    let waited = try lab.rolekeeper("wait", "uploader", "--min-ttl", "2000s", "--timeout", "60s")
    #expect(waited.status == 1 && waited.errors.contains("InvalidParameter.DurationSeconds"), "\(waited)")
    #expect(try lab.status("uploader").state == .valid)
    #expect(try lab.status("uploader").lastError == nil)
  }

  @Test(arguments: ["min_ttl=long", "min_ttl=-1", "wait=61", "wait=1.5", "min_ttl=", "min_ttl=99999999999999999999"])
  func `what isn't a number of seconds is malformed`(query: String) throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    let daemon = try lab.start()
    let reply = try daemon.get("/v1/roles/uploader/credentials?\(query)")
    #expect(reply.status == 400)
    #expect(try reply.problem.kind == .malformed)
  }
}
