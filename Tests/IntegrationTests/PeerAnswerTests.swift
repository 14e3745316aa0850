import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Answers that are odd in their form, and peers that ask for time.
@Suite(.serialized) struct PeerAnswerTests {
  @Test func `a good answer that comes compressed is a session`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=gzip")
    let daemon = try lab.start()
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 200)
    #expect(try lab.status("uploader").lastError == nil)
  }

  @Test func `an error with status 200 keeps its code`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=200&code=NoPermission", role: "uploader")
    let daemon = try lab.start()
    #expect(try lab.status("uploader").lastError?.code == "NoPermission")
    #expect(!daemon.logLines("error: refresh failed", "role=uploader", "trust policy").isEmpty, "\(daemon.log)")
  }

  /// In the emulator's microseconds.
  private func gaps(_ lab: Lab, _ role: String, atLeast count: Int) throws -> [Int64] {
    var arrivals: [Int64] = []
    try eventually("\(count) requests", within: 30) {
      arrivals = try lab.emulator.arrivals(of: role)
      return arrivals.count >= count
    }
    return zip(arrivals.dropFirst(), arrivals).map { $0 - $1 }
  }

  /// A server that had asked for 20 s was asked five times in 12 s.
  @Test(arguments: ["kind=error&status=503", "kind=html&status=429", "kind=error&status=500"])
  func `a server that asks for time gets it`(_ fault: String) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault(fault, role: "uploader")
    try lab.emulator.fault("kind=header&name=Retry-After&value=3", role: "uploader")
    try lab.start()
    let gaps = try gaps(lab, "uploader", atLeast: 3)
    // The daemon's clock starts with the answer, the emulator's with the request.
    #expect(gaps.allSatisfy { $0 >= 3_000_000 }, "\(gaps)")
  }

  @Test func `a date is a time to come back at, too`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    // The emulator's clock stands still, so that the date stays as far ahead.
    try lab.emulator.ask("POST", "/clock?at=2026-01-02T03:04:05Z")
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    try lab.emulator.fault(
      "kind=header&name=Retry-After&value=Fri%2C%2002%20Jan%202026%2003%3A06%3A05%20GMT", role: "uploader")
    try lab.start()
    let wait = try #require(try lab.status("uploader").nextRefreshIn)
    #expect((.seconds(110)...(.seconds(132))).contains(wait), "\(wait)")
  }

  @Test func `a proxy that asks for time gets it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let proxy = try BreakableRelay(in: lab.directory, named: "proxy")
    try proxy.become(.later(503, retryAfter: "120"))
    lab.draft.sts += "\nproxy = \"http://\(proxy.endpoint)\""
    try lab.writeSettings()
    try lab.start()
    let status = try lab.status("uploader")
    #expect(status.lastError?.code == "ProxyRefused")
    let wait = try #require(status.nextRefreshIn)
    #expect((.seconds(110)...(.seconds(132))).contains(wait), "\(wait)")
  }

  @Test func `a proxy's user is sent as it was meant`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let proxy = try BreakableRelay(in: lab.directory, named: "proxy")
    try proxy.become(.password(user: "alice@corp", password: "Marked-proxy-password"))
    // Some editors put a mark in front of a text.
    try lab.directory.write("\u{FEFF}Marked-proxy-password\r\n", to: "proxy-password", mode: 0o400)
    lab.draft.sts += "\nproxy = \"http://alice%40corp@\(proxy.endpoint)\"\nproxy_password_file = \"proxy-password\""
    try lab.writeSettings()
    let daemon = try lab.start()
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 200, "\(daemon.log)")
  }

  @Test func `a CA file that is replaced counts without a reload, and a bad one changes nothing`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    let other = try EmulatorProcess(realm: RealmDraft(lifetime: nil).text, in: lab.directory, named: "other")
    let path = lab.directory.path("authorities.pem")
    func put(_ file: String) throws {
      unlink(lab.directory.path("new.pem"))
      #expect(link(file, lab.directory.path("new.pem")) == 0)
      #expect(rename(lab.directory.path("new.pem"), path) == 0)
    }
    try put(other.authorityPath)
    let authority = lab.draft.authorityPath
    lab.draft.authorityPath = path
    try lab.writeSettings()
    let daemon = try lab.start()
    #expect(try lab.status("uploader").lastError?.code == "TLSVerification")
    try put(authority)
    try lab.refresh(["uploader"])
    try daemon.awaitLog("notice: CA file changed and read again", path)
    try eventually("a session comes:\n\(daemon.log)") { try lab.status("uploader").state == .valid }
    try put(lab.draft.keyPath)
    let generation = try lab.status("uploader").generation
    try lab.refresh(["uploader"])
    try daemon.awaitLog("warning: CA file can't be used, keeping the previous certificates", path)
    try eventually("the next session:\n\(daemon.log)") { try lab.status("uploader").generation > generation }
    // It was in the journal alone.
    let report = try lab.report()
    #expect(report.caFile?.path == path && report.caFile?.error?.advice.contains("holds no certificate") == true)
    #expect(report.caFile?.error?.since != nil && report.health.reasons.map(\.kind) == [.caFile])
    for target in ["/healthz", "/v1/roles/uploader/healthz"] {
      let reply = try daemon.get(target)
      #expect(reply.status == 200 && reply.body.contains(#""status":"degraded""#), "\(reply)")
    }
    #expect(try lab.rolekeeper("status").output.contains("CA file '\(path)'"))
    let judged = try lab.rolekeeper("status", "--check")
    #expect(judged.status == 1 && judged.output.hasPrefix("degraded: CA file '\(path)'"), "\(judged)")
    let metrics = try daemon.get("/metrics").body
    #expect(metrics.contains("rolekeeper_ca_file_error 1\n") && metrics.contains("rolekeeper_health 1\n"))
    try eventually("the manager's line") { daemon.notify.messages().contains("CA file '\(path)'") }
    let refused = try daemon.post("/v1/reload")
    #expect(refused.status != 200 && refused.body.contains(path), "\(refused)")
    try put(authority)
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(try lab.report().caFile == CAFileStatus(path: path))
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_ca_file_error 0\n"))
    try eventually("health follows") { try daemon.get("/healthz").body.contains(#""status":"ok""#) }
  }

  struct Obstacle: CustomStringConvertible {
    let description: String
    let words: String
    let put: @Sendable (Lab) throws -> Void
  }

  static let obstacles = [
    Obstacle(description: "a CA file without a certificate", words: "holds no certificate") { lab in
      lab.draft.authorityPath = try lab.directory.write("certificates\n", to: "ca.pem")
    },
    Obstacle(description: "a CA file with half a certificate", words: "ca.pem") { lab in
      lab.draft.authorityPath = try lab.directory.write(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "ca.pem")
    },
    Obstacle(description: "an empty CA file", words: "holds no certificate") { lab in
      lab.draft.authorityPath = try lab.directory.write("", to: "ca.pem")
    },
    Obstacle(description: "a file in the socket's place", words: "is in the way and is not a socket") { lab in
      try lab.directory.write("", to: "rk.sock")
    },
    Obstacle(description: "a directory that isn't there", words: "its directory") { lab in
      lab.draft.socketPath = lab.directory.path("missing/rk.sock")
    },
    Obstacle(description: "a file in its directory's place", words: "directory") { lab in
      lab.draft.socketPath = try lab.directory.write("", to: "file") + "/rk.sock"
    },
    Obstacle(description: "a proxy's password of two lines", words: "not one line") { lab in
      try lab.directory.write("one\ntwo\n", to: "password", mode: 0o400)
      lab.draft.sts += "\nproxy = \"http://keeper@127.0.0.1:1\"\nproxy_password_file = \"password\""
    },
  ]

  /// The daemon ended once a second, and the check had nothing to say.
  @Test func `check finds what ends a start, and a start ends by it`() throws {
    for obstacle in Self.obstacles {
      let lab = try Lab(RealmDraft(lifetime: nil))
      #expect(try lab.rolekeeper("check", "--config", lab.configPath).status == 0, "\(obstacle)")
      try obstacle.put(lab)
      try lab.writeSettings()
      let check = try lab.rolekeeper("check", "--config", lab.configPath)
      #expect(check.status == 78, "\(obstacle): \(check)")
      #expect("\(check)".contains(obstacle.words), "\(obstacle): \(check)")
      let daemon = try lab.launch()
      #expect(daemon.child.wait() != 0, "\(obstacle)")
      #expect(daemon.log.contains(obstacle.words), "\(obstacle): \(daemon.log)")
    }
  }

  @Test func `a daemon that lives is no obstacle to a check`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    #expect(try lab.rolekeeper("check", "--config", lab.configPath).status == 0)
  }
}
