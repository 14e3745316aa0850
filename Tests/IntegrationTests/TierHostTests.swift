import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// A host whose roles come from a tier.
@Suite(.serialized) struct TierHostTests {
  /// A daemon with the AccessKey, machines of a tier that hand out its sessions, and a host of them.
  private final class Fleet {
    let lab: Lab
    let directory: TemporaryDirectory
    let machines: [PlayedTier]
    private(set) var host: DaemonProcess!
    /// Lines of the host's source, and of its role.
    var source = ""
    var role = ""
    var sources = ""
    /// Another STS for the host than the tier's.
    var endpoint: String?
    private var starts = 0

    /// `lifetime` is how long sessions live; they are replaced after a quarter of that.
    init(machines count: Int = 2, lifetime: String = "40s", roles: [String] = ["uploader"]) throws {
      let realm = RealmDraft(lifetime: lifetime, roles: roles)
      lab = try Lab(realm) { draft in draft.roles = roles.map { SettingsDraft.Role($0) } }
      try lab.start()
      let directory = try TemporaryDirectory()
      self.directory = directory
      try PlayedTier.certificates(["web7"], in: directory)
      let socket = lab.draft.socketPath
      machines = try (1...count).map { try PlayedTier("tier\($0)", of: socket, in: directory) }
    }

    func writeSettings() throws {
      let urls = machines.map { "\"\($0.url)\"" }.joined(separator: ", ")
      try directory.write(
        """
        \(sources)
        [source.tier]
        type = "upstream"
        urls = [\(urls)]
        ca_file = "\(directory.path("ca.pem"))"
        certificate = "\(directory.path("web7.crt"))"
        key = "\(directory.path("web7.key"))"
        \(source)
        [sts]
        endpoint = "\(endpoint ?? lab.emulator.endpoint)"
        ca_file = "\(lab.emulator.authorityPath)"
        timeout = "3s"
        [socket]
        path = "\(directory.path("rk.sock"))"
        mode = "0600"
        [files]
        directory = "\(directory.path("roles"))"
        [roles.uploader]
        source = "tier"
        floor = "0s"
        survive_outage = "0s"
        lapse_margin = "1s"
        \(role)

        """, to: "host.toml")
    }

    @discardableResult
    func start() throws -> DaemonProcess {
      let daemon = try launch()
      try daemon.awaitReady()
      return daemon
    }

    @discardableResult
    func launch() throws -> DaemonProcess {
      try writeSettings()
      starts += 1
      let stored = host?.notify.takeStored() ?? []
      host = nil
      host = try DaemonProcess(
        configPath: directory.path("host.toml"), socketPath: directory.path("rk.sock"), in: directory,
        named: "host\(starts)", stored: stored)
      return host
    }

    func tell(_ settings: String) throws {
      try directory.write(settings, to: "tier.new")
      rename(directory.path("tier.new"), directory.path("tier.json"))
    }

    func key() throws -> String { try Credential(try host.get("/v1/roles/uploader/credentials")).keyID }

    func status() throws -> RoleStatus {
      try RoleStatus(parsing: Array(try host.get("/v1/roles/uploader").body.utf8).span)
    }

    func tier() throws -> SourceStatus {
      let report = try StatusReport(parsing: Array(try host.get("/v1/status").body.utf8).span)
      return try #require(report.sources.first { $0.name == "tier" })
    }
  }

  @Test func `three rotations, a lost machine, a lost tier, STS in its place, and back`() throws {
    let fleet = try Fleet()
    fleet.sources = """
      [source.main]
      type = "access-key"
      file = "\(fleet.lab.draft.keyPath)"
      """
    fleet.source = "fallback = \"direct\"\nfallback_requests_per_second = 1"
    fleet.role = "role_arn = \"acs:ram::\(RealmDraft.account):role/uploader\"\nduration = \"15min\""
    try fleet.start()
    #expect(try fleet.key() == fleet.lab.credential("uploader").keyID)
    // Rotations are the tier's: the host has each of them within its refresh, under its own generations.
    var keys = [try fleet.key()]
    while keys.count < 4 {
      let last = keys[keys.count - 1]
      try eventually("another session:\n\(fleet.host.log)") { try fleet.key() != last }
      keys.append(try fleet.key())
    }
    #expect(try fleet.status().generation == 4 && Set(keys).count == 4)
    #expect(try fleet.tier().tier?.url == fleet.machines[0].url)
    // The first machine is lost: the second one takes over.
    fleet.machines[0].kill()
    let before = try fleet.key()
    try fleet.host.awaitLog("another machine of the tier answers", "endpoint=\(fleet.machines[1].url)")
    try eventually("sessions from the second machine:\n\(fleet.host.log)") { try fleet.key() != before }
    #expect(try fleet.tier().state == .working && fleet.tier().tier?.machine == "tier2")
    // All are lost: the last session is kept, and then STS is asked.
    fleet.machines[1].kill()
    try fleet.host.awaitLog("no machine of the tier answers", "code=Connect")
    let kept = try fleet.key()
    #expect(fleet.host.logLines("fetched from STS").isEmpty)
    try fleet.host.awaitLog("the role is fetched from STS until the tier has a session of it again", within: 60)
    let direct = try fleet.key()
    let tiers = try fleet.lab.credential("uploader").keyID
    #expect(direct != kept && direct != tiers)
    // The tier is back: in the end its session lives longer.
    for machine in fleet.machines { try machine.start() }
    try fleet.host.awaitLog("the role comes from the tier again", within: 60)
    #expect(try fleet.key() != direct && fleet.tier().tier?.url == fleet.machines[0].url)
    #expect(fleet.host.logLines("lapsed").isEmpty, "\(fleet.host.log)")
  }

  @Test func `a revoked host is refused with its certificate, and keeps its session`() throws {
    let fleet = try Fleet(machines: 1)
    try fleet.start()
    let key = try fleet.key()
    try fleet.tell("{\"revoked\": [\"web7\"]}")
    try fleet.host.awaitLog("the tier gives this host no sessions", "TierForbidden", "web7.crt' of 'web7'")
    #expect(try fleet.key() == key && fleet.tier().state == .refused)
    try fleet.tell("{}")
    try fleet.host.awaitLog("the tier hands out sessions", within: 60)
  }

  /// A connection that was made with the old one would go on for as long as the tier lets it.
  @Test func `a renewed certificate is used for the next request`() throws {
    let fleet = try Fleet(machines: 1)
    try fleet.start()
    func serials() -> Set<Substring> {
      Set(fleet.machines[0].log.split(separator: "\n").map { $0.split(separator: " ")[1] })
    }
    let first = serials()
    #expect(first.count == 1)
    try PlayedTier.certificates(["web7"], in: fleet.directory)
    try eventually("the new one is presented") { serials().count == 2 }
    let old = try #require(first.first)
    let lines = fleet.machines[0].log.split(separator: "\n")
    let lastOld = try #require(lines.lastIndex { $0.contains(old) })
    let firstNew = try #require(lines.firstIndex { !$0.contains(old) })
    #expect(lastOld < firstNew)
  }

  /// A FIFO hung the daemon, and a key that others may read was used, until a reload was refused for it.
  @Test func `files that can't be used any more are reported, and the certificate before stays in use`() throws {
    let fleet = try Fleet(machines: 1)
    let host = try fleet.start()
    let (certificate, key) = (fleet.directory.path("web7.crt"), fleet.directory.path("web7.key"))
    chmod(key, 0o644)
    try host.awaitLog("client certificate or its key can't be used, keeping the previous ones", "has to be 0400")
    #expect(try fleet.tier().state == .unreadable)
    try #require(rename(certificate, fleet.directory.path("kept")) == 0 && mkfifo(certificate, 0o644) == 0)
    try host.awaitLog("client certificate or its key can't be used", "not a regular file")
    let last = try fleet.key()
    try eventually("another session:\n\(host.log)") { try fleet.key() != last }
    chmod(key, 0o400)
    try #require(rename(fleet.directory.path("kept"), certificate) == 0)
    try host.awaitLog("client certificate and key read again")
    #expect(try fleet.tier().state == .working)
  }

  /// It stopped at a prompt.
  @Test func `a key with a passphrase is reported by check, and at a start without a question`() throws {
    let fleet = try Fleet(machines: 1)
    try fleet.writeSettings()
    let key = fleet.directory.path("web7.key")
    let locked = try ChildProcess.run(
      ["/bin/bash", "-c", "openssl pkey -in \(key) -aes256 -passout pass:x -out \(key).new && chmod 0400 \(key).new"])
    try #require(locked.status == 0 && rename("\(key).new", key) == 0, "\(locked)")
    let check = try run("check", on: fleet)
    #expect(check.status == 0 && check.output.contains("remove the passphrase"), "\(check)")
    #expect(check.output.contains("the daemon starts without it, and takes it up once it can be used"), "\(check)")
    let online = try run("check", "--online", on: fleet)
    #expect(online.status == 77 && online.output.contains("remove the passphrase"), "\(online)")
    let host = try fleet.launch()
    try host.awaitLog("the tier isn't asked", "TierFiles", "remove the passphrase")
    #expect(!host.log.contains("Enter"), "\(host.log)")
  }

  /// It ended with 78, while a daemon that ran went on.
  @Test(arguments: ["key", "certificate", "ca.pem"])
  func `a start without files that can be used reports them, and serves once they can be`(flaw: String) throws {
    let fleet = try Fleet(machines: 1)
    let (key, certificate) = (fleet.directory.path("web7.key"), fleet.directory.path("web7.crt"))
    let bad = flaw == "key" ? key : flaw == "certificate" ? certificate : fleet.directory.path(flaw)
    let good = try #require(FileText.read(bad))
    if flaw == "key" { chmod(key, 0o644) } else { try fleet.directory.write("junk\n", to: "bad") }
    if flaw != "key" { try #require(rename(fleet.directory.path("bad"), bad) == 0) }
    let host = try fleet.launch()
    try host.awaitLog("the tier isn't asked", "TierFiles", bad)
    #expect(try host.get("/v1/roles/uploader/credentials").status == 503)
    if flaw == "key" {
      chmod(key, 0o400)
    } else {
      try fleet.directory.write(good, to: "good")
      try #require(rename(fleet.directory.path("good"), bad) == 0)
    }
    try eventually("a session:\n\(host.log)", within: 90) { (try? fleet.key()) != nil }
  }

  @Test func `a dead session is reported to the tier, and replaced at once`() throws {
    let fleet = try Fleet(machines: 1, lifetime: "15min")
    // The bundle wouldn't come for ten minutes.
    try fleet.tell("{\"refresh_after\": 600}")
    let host = try fleet.start()
    let dead = try fleet.key()
    try fleet.lab.emulator.fault("kind=session-revoked&key=\(dead)")
    let answer = try host.post("/v1/roles/uploader/report?access_key_id=\(dead)")
    #expect(answer.status == 200, "\(answer.body)")
    try eventually("it is reported:\n\(fleet.machines[0].log)") {
      fleet.machines[0].log.contains("POST /v1/roles/uploader/report?access_key_id=\(dead)")
    }
    _ = try fleet.lab.daemon.post("/v1/roles/uploader/report?access_key_id=\(dead)")
    try eventually("another session:\n\(host.log)") { (try? fleet.key()).map { $0 != dead } ?? false }
  }

  @Test func `a host that doesn't reach STS has its tier look at a reported session`() throws {
    let fleet = try Fleet(machines: 1, lifetime: "15min")
    fleet.endpoint = "127.0.0.1:1"
    let host = try fleet.start()
    let key = try fleet.key()
    let answer = try host.post("/v1/roles/uploader/report?access_key_id=\(key)")
    #expect(answer.status == 200 && answer.body.contains("unchecked"), "\(answer.body)")
    try eventually("it is passed on:\n\(fleet.machines[0].log)") {
      fleet.machines[0].log.contains("POST /v1/roles/uploader/report?access_key_id=\(key)")
    }
    #expect(try fleet.key() == key)
  }

  @Test func `sessions of a tier are handed to the next process, which hands them out though the tier is away`() throws
  {
    let fleet = try Fleet(machines: 1, lifetime: "15min")
    try fleet.start()
    let (key, generation) = (try fleet.key(), try fleet.status().generation)
    fleet.machines[0].kill()
    _ = fleet.host.child.stop()
    try fleet.start()
    #expect(try fleet.key() == key && fleet.status().generation == generation)
    try fleet.machines[0].start()
    try fleet.host.awaitLog("the tier hands out sessions", within: 60)
    #expect(try fleet.status().generation == generation)
  }

  @Test func `check --online asks each machine for a bundle and judges the floors by it`() throws {
    let fleet = try Fleet(lifetime: "15min")
    fleet.role = ""
    try fleet.writeSettings()
    func check() throws -> (status: CInt, output: String, errors: String) {
      try ChildProcess.run(
        [Programs.commandLine, "check", "--online", "--config", fleet.directory.path("host.toml")])
    }
    let good = try check()
    #expect(good.status == 0, "\(good)")
    #expect(good.output.contains("hands out 1 role to this host, 'web7'"), "\(good)")
    #expect(good.output.contains("role uploader: the tier hands out sessions that live at least"), "\(good)")
    #expect(!good.output.contains("STS."), "\(good)")
    // "failed endpoint …" and "1 failed, 3 ok", and the status was 0.
    #expect(!good.output.contains("endpoint") && !good.output.contains("failed"), "\(good)")
    #expect(good.output.contains("asking each machine of the tier") && good.output.contains("clock: "), "\(good)")
    try fleet.tell("{\"shortest_life\": 60}")
    let short = try check()
    #expect(short.status == 77 && short.output.contains("can't hold its floor"), "\(short)")
    try fleet.tell("{\"roles\": []}")
    let none = try check()
    #expect(none.status == 77 && none.output.contains("doesn't give it to this host"), "\(none)")
    for machine in fleet.machines { machine.kill() }
    let away = try check()
    #expect(away.status != 0 && away.output.contains("Connect"), "\(away)")
  }

  private func run(_ words: String..., on fleet: Fleet) throws -> (status: CInt, output: String, errors: String) {
    try ChildProcess.run([Programs.commandLine] + words + ["--config", fleet.directory.path("host.toml")])
  }

  /// Three minutes before its end nothing knew of it, and one that had ended and didn't even match its key passed `check`.
  @Test func `the certificate's end is in status and metrics, and check and doctor judge it`() throws {
    let fleet = try Fleet(machines: 1, lifetime: "15min")
    fleet.role = ""
    try fleet.start()
    try eventually("it is read") { try fleet.tier().certificate != nil }
    let certificate = try #require(fleet.tier().certificate)
    #expect(certificate.name == "web7" && !certificate.isRenewalDue)
    let status = try ChildProcess.run(
      [Programs.commandLine, "--socket", fleet.directory.path("rk.sock"), "status"]
    )
    #expect(
      status.output.contains("source 'tier': certificate of 'web7' until \(certificate.validUntil)\n"), "\(status)")
    #expect(
      try fleet.host.get("/metrics").body.contains(
        "rolekeeper_tier_certificate_expires_timestamp_seconds{source=\"tier\"} \(certificate.validUntil.seconds)\n"))

    let good = try run("doctor", on: fleet)
    #expect(good.status < 2 && !good.output.contains("failed  "), "\(good)")
    #expect(!good.output.contains("endpoint "), "no role calls STS: \(good)")
    #expect(good.output.contains("ok       source tier: certificate of 'web7' until "), "\(good)")
    #expect(!good.output.contains("  name "), "\(good)")

    try PlayedTier.certificates(["web7"], in: fleet.directory, days: -1)
    let ended = try run("check", on: fleet)
    #expect(ended.status == 0 && ended.output.contains("warning: source.tier.certificate is "), "\(ended)")
    #expect(ended.output.contains(", which ended at "), "\(ended)")
    let doctor = try run("doctor", on: fleet)
    #expect(doctor.status == 2 && doctor.output.contains("failed   source tier: certificate of 'web7' ended at"))
    rename(fleet.directory.path("server.key"), fleet.directory.path("web7.key"))
    let other = try run("check", on: fleet)
    #expect(other.status == 0 && other.output.contains("isn't that of the certificate in '"), "\(other)")
  }

  /// A tier whose roles are fetched from STS while it is away.
  private func fleetWithFallback() throws -> Fleet {
    let fleet = try Fleet(machines: 1, lifetime: "15min")
    fleet.sources = "[source.main]\ntype = \"access-key\"\nfile = \"\(fleet.lab.draft.keyPath)\"\n"
    fleet.source = "fallback = \"direct\""
    fleet.role = "role_arn = \"acs:ram::\(RealmDraft.account):role/uploader\"\nduration = \"15min\""
    try fleet.writeSettings()
    return fleet
  }

  private func tried(_ words: [String], _ fleet: Fleet) throws -> (status: CInt, output: String) {
    let run = try ChildProcess.run([Programs.commandLine] + words + ["--config", fleet.directory.path("host.toml")])
    #expect(!run.output.contains("STS.") && run.errors.isEmpty, "\(run)")
    return (run.status, run.output)
  }

  @Test func `check --online tries the fallback as well, and says which stage works`() throws {
    let fleet = try fleetWithFallback()
    func expect(_ status: CInt, _ lines: [String]) throws {
      let check = try tried(["check", "--online"], fleet)
      #expect(check.status == status, "\(check)")
      for line in lines { #expect(check.output.contains(line), "\(line) in:\n\(check.output)") }
    }
    try expect(
      0,
      [
        "ok       role uploader: the tier hands out sessions",
        "ok       source tier (fallback): the AccessKey is that of",
        "ok       role uploader (fallback): STS issues sessions of 15min", "ok       source tier: both stages work",
      ])
    try fleet.lab.emulator.fault("kind=error&code=NoPermission&status=403&action=AssumeRole", role: "uploader")
    try expect(
      77,
      [
        "failed   role uploader (fallback): NoPermission (HTTP 403", "next: allow ",
        "warning  source tier: the tier works, STS in its place doesn't",
      ])
    try fleet.lab.emulator.clearFaults()
    fleet.machines[0].kill()
    try expect(
      4,
      [
        "skipped  role uploader: source tier hands nothing out", "ok       role uploader (fallback): ",
        "warning  source tier: the tier doesn't work, STS in its place does",
      ])
  }

  @Test func `source test tries a key for the fallback of a tier's roles`() throws {
    let fleet = try fleetWithFallback()
    for words in [[], ["--source", "main"], ["--source", "tier"], ["--role", "uploader"]] {
      let test = try tried(["source", "test", fleet.lab.draft.keyPath] + words, fleet)
      #expect(test.status == 0, "\(test)")
      for line in [
        "ok       role uploader (fallback): STS issues sessions of 15min",
        "skipped  source tier: an AccessKey is for its fallback",
      ] { #expect(test.output.contains(line), "\(words): \(test.output)") }
    }
  }
}
