import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Other hosts with certificates, through a real nginx with the configuration that is installed.
@Suite(.serialized, .needs(.root, .nginx)) struct FleetProxyTests {
  private let lab: Lab
  private let authority: HostAuthority
  private let proxy: NginxProxy
  private let web: HostAuthority.Identity

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "archive"])) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.fleet = "trusted_proxy = \(NginxProxy.uid)"
      draft.roles = [
        SettingsDraft.Role("uploader", more: "allow = { hosts = [\"web*.prod.example\"] }"),
        SettingsDraft.Role("reports", more: "allow = { users = [\(Person.reader)], hosts = [\"*.prod.example\"] }"),
        SettingsDraft.Role(
          "archive", more: "session_per = \"shard\"\nshards = 4\nallow = { hosts = [\"arch*.prod.example\"] }"),
      ]
    }
    try lab.start()
    authority = try HostAuthority()
    web = try authority.issue("/O=Example", ["DNS:web7.prod.example"])
    proxy = try NginxProxy(for: lab.draft.socketPath, hosts: authority)
  }

  private let post = ["--request", "POST"]

  private func entityTag(in text: String) -> String? {
    text.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") }.map { String($0.dropFirst(6)) }
  }

  @Test func `a host gets its roles and no others, with names as in its certificate`() throws {
    let answer = try proxy.ask("/v1/bundle", as: web)
    #expect(answer.status == 200, "\(answer) \(proxy.errors)")
    #expect(answer.text.contains(#"{"host":"web7.prod.example","tier":"#))
    #expect(answer.text.contains(#""roles":{"reports":{"access_key_id":"STS."#))
    #expect(answer.text.contains(#""uploader":{"access_key_id":"STS."#))
    let database = try authority.issue("/CN=db1.prod.example")
    let other = try proxy.ask("/v1/bundle", as: database)
    #expect(other.status == 200 && other.text.contains("reports") && !other.text.contains("uploader"))
    #expect(lab.daemon.logLines("credential handed out", "via=bundle", "host=web7.prod.example").count == 2)
    #expect(lab.daemon.logLines("credential handed out", "via=bundle", "host=db1.prod.example").count == 1)
  }

  @Test func `a host that no role names, one without a certificate, and one of another authority are refused`() throws {
    let stranger = try proxy.ask("/v1/bundle", as: authority.issue("/CN=web7.test.example"))
    #expect(stranger.status == 403 && stranger.text.contains("host 'web7.test.example'"))
    #expect(try proxy.ask("/v1/bundle", as: nil).status == 400)
    let foreign = try HostAuthority()
    let elsewhere = try foreign.issue("/CN=web7.prod.example")
    // Its files are there as long as it is.
    let answer = try withExtendedLifetime(foreign) { try proxy.ask("/v1/bundle", as: elsewhere) }
    #expect(answer.status == 400, "\(answer)")
    #expect(proxy.refusals.contains(#"host refused: NONE client=127.0.0.1 subject="-""#), "\(proxy.refusals)")
    #expect(
      proxy.refusals.contains(
        "host refused: FAILED:unable to verify the first certificate client=127.0.0.1 subject=\"CN=web7.prod.example\"")
    )
    #expect(!proxy.refusals.contains("web7.test.example"), "what nginx passes on is the daemon's to log")
  }

  /// nginx sets the header, whatever the client sends.
  @Test func `a host that smuggles another's certificate in the header stays itself`() throws {
    let stranger = try authority.issue("/CN=web7.test.example")
    let certificate = HostCertificate.escaped(try #require(FileText.read(web.certificate)))
    for name in ["Rolekeeper-Client-Certificate", "rolekeeper_client_certificate"] {
      let answer = try proxy.ask(
        "/v1/bundle", as: stranger, ["--header", "\(name): \(certificate)", "--header", "\(name): \(certificate)"])
      #expect(answer.status == 403 && answer.text.contains("host 'web7.test.example'"), "\(name): \(answer.text)")
    }
    let split = ["--header", "X: y\r\nRolekeeper-Client-Certificate: \(certificate)"]
    #expect(try proxy.ask("/v1/bundle", as: stranger, split).status == 403)
  }

  @Test func `a local user who sends the header is refused, root too, and so is nginx's user without it`() throws {
    let certificate = HostCertificate.escaped(try #require(FileText.read(web.certificate)))
    for uid in [Person.reader, 0] {
      let run = try ChildProcess.run(
        Person.words(uid) + [
          "/usr/bin/curl", "--silent", "--unix-socket", lab.draft.socketPath, "--header",
          "Rolekeeper-Client-Certificate: \(certificate)", "http://localhost/v1/bundle",
        ])
      #expect(run.output.contains("counts only from the user in"), "\(run)")
      try lab.daemon.awaitLog("request refused", "client certificate from another user", "uid=\(uid)")
    }
    #expect(try lab.ask("/v1/bundle", as: NginxProxy.uid).status == 403)
    #expect(try lab.ask("/v1/roles/reports/credentials", as: NginxProxy.uid).status == 403)
    #expect(try lab.ask("/v1/roles/reports/credentials", as: Person.reader).status == 200)
  }

  @Test func `a host that has its bundle gets 304, at once or after its wait`() throws {
    let tag = try #require(entityTag(in: proxy.ask("/v1/bundle", as: web).text))
    for query in ["", "?wait=1"] {
      let same = try proxy.ask("/v1/bundle\(query)", as: web, ["--header", "If-None-Match: \(tag)"])
      #expect(same.status == 304 && same.text.contains("Rolekeeper-Refresh-After: "), "\(same)")
    }
  }

  @Test func `a session that STS refuses ends the wait of a host, which reported it`() throws {
    let first = try proxy.ask("/v1/bundle", as: web)
    let tag = try #require(entityTag(in: first.text))
    let id = try #require(first.text.firstMatch(of: /"uploader":\{"access_key_id":"(STS\.[^"]+)"/)?.output.1)
    try lab.emulator.fault("kind=session-revoked&key=\(id)")
    let waiting = try ChildProcess(
      ["/usr/bin/curl", "--silent", "--verbose"] + proxy.words("/v1/bundle?wait=60", as: web)
        + ["--header", "If-None-Match: \(tag)"], in: lab.directory, named: "waiting")
    try eventually("the host has asked") { waiting.errors.contains("> GET /v1/bundle") }
    #expect(try proxy.ask("/v1/roles/uploader/report?access_key_id=STS.other", as: web, post).status == 404)
    #expect(waiting.statusIfEnded == nil, "\(waiting.output)")
    let report = try proxy.ask("/v1/roles/uploader/report?access_key_id=\(id)", as: web, post)
    #expect(report.status == 200 && report.text.contains("condemned"), "\(report)")
    let time = seconds { waiting.wait() }
    #expect(waiting.wait() == 0 && time < 10, "\(time) s")
    #expect(waiting.output.contains(#""uploader":{"access_key_id":"STS."#) && !waiting.output.contains(String(id)))
  }

  @Test func `a revoked host is refused once the list is read again, and others aren't`() throws {
    let lost = try authority.issue("/CN=web8.prod.example")
    #expect(try proxy.ask("/v1/bundle", as: lost).status == 200)
    try authority.revoke(lost)
    proxy.reload()
    try eventually("the revoked host is refused") { try proxy.ask("/v1/bundle", as: lost).status == 400 }
    #expect(try proxy.ask("/v1/bundle", as: web).status == 200)
  }

  @Test func `status, metrics and doctor know how many hosts are served`() throws {
    #expect(try proxy.ask("/v1/bundle", as: web).status == 200)
    #expect(try proxy.ask("/v1/bundle", as: authority.issue("/CN=web7.test.example")).status == 403)
    let line = try #require(lab.rolekeeper("status").output.split(separator: "\n").first { $0.hasPrefix("fleet: ") })
    #expect(line.contains("fleet: 1 host in the last 10 min, 0 waiting, 1 refused; proxy "), "\(line)")
    #expect(line.contains(" ago; connections ") && line.hasSuffix(" of 1024"), "\(line)")
    let fleet = try #require(lab.report().fleet)
    #expect(fleet.hosts == 1 && fleet.refused == 1 && fleet.proxyUID == Int64(NginxProxy.uid))
    let metrics = try lab.daemon.get("/metrics").body
    #expect(metrics.contains(#"rolekeeper_fleet_hosts{state="served"} 1"#), "\(metrics)")
    let doctor = try ChildProcess.run([Programs.commandLine, "doctor", "--config", lab.configPath])
    #expect(doctor.output.contains("ok       fleet: 1 host in the last 10 min, 0 waiting, 1 refused; "), "\(doctor)")
    #expect(doctor.output.contains(" port 443: ") || doctor.output.contains("port 443: "), "\(doctor)")
    let check = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(check.output.contains("max_connections is 1024, so 1024 hosts at most can wait here"), "\(check)")
  }

  @Test func `nothing else is passed on`() throws {
    for target in ["/v1/status", "/v1/roles", "/v1/roles/uploader/credentials", "/metrics", "/v1/events", "/"] {
      #expect(try proxy.ask(target, as: web).status == 404, "\(target)")
    }
    for target in ["/v1/bundle", "/healthz"] {
      #expect(try proxy.ask(target, as: web, post).status == 403, "\(target)")
    }
    #expect(try proxy.ask("/v1/reload", as: web, post).status == 404)
    #expect(try proxy.ask("/healthz", as: web).status == 200)
  }

  @Test(arguments: [SIGTERM, SIGKILL])
  func `hosts in shards have the same sessions after a restart, without a call to STS`(signal: Int32) throws {
    let hosts = try (1...6).map { try authority.issue("/CN=arch\($0).prod.example") }
    func read() throws -> [Substring?] {
      try hosts.map {
        try proxy.ask("/v1/bundle", as: $0).text.firstMatch(of: /"archive":\{"access_key_id":"(STS\.[^"]+)"/)?.output.1
      }
    }
    // The pool of each shard is full by then, and hosts have its newest session.
    _ = try read()
    try eventually("no call is under way") {
      try lab.daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 0")
    }
    let (before, calls) = (try read(), try lab.emulator.draws())
    #expect(Set(before).count > 1 && !before.contains(nil))
    lab.daemon.child.signal(signal)
    _ = lab.daemon.child.wait()
    try lab.startNext(named: "second")
    #expect(try read() == before)
    #expect(try lab.emulator.draws() == calls)
  }

  @Test func `a certificate of an RSA key of 4096 bits with a hundred names is taken`() throws {
    let names = (0..<100).map { "DNS:web\($0).prod.example" }
    let large = try authority.issue("/O=Example", names, key: "rsa:4096")
    let answer = try proxy.ask("/v1/bundle", as: large)
    #expect(answer.status == 200 && answer.text.contains(#""host":"web0.prod.example""#), "\(answer.status)")
  }
}
