import CLinux
import Core
import Glibc
import Handover
import Laboratory
import TestSupport
import Testing
import Wire

/// What a daemon leaves to the next by the service manager's hands, played by the test.
@Suite(.serialized) struct SessionHandoverTests {
  private func lab(_ adjust: (inout SettingsDraft) -> Void = { _ in }) throws -> Lab {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
      adjust(&draft)
    }
    try lab.start()
    return lab
  }

  private struct Seen: Equatable {
    let keyID: String
    let secret: String
    let token: String
    let generation: UInt64?
    let file: String?
  }

  private func seen(_ lab: Lab, _ role: String) throws -> Seen {
    // Both of one answer: another session may come between two.
    let reply = try lab.daemon.get("/v1/roles/\(role)/credentials")
    let credential = try Credential(reply)
    let path = "\(lab.draft.directory)/\(role)/credentials.json"
    // Only a role that has one; it is written a moment later.
    try eventually("the file of '\(role)' is as current") { FileText.read(path)?.contains(credential.keyID) != false }
    return Seen(
      keyID: credential.keyID, secret: credential.secret, token: credential.token,
      generation: reply.fields["rolekeeper-generation"].flatMap { UInt64($0) },
      file: FileText.read(path))
  }

  private func end(_ lab: Lab, by signal: Int32) {
    lab.daemon.child.signal(signal)
    _ = lab.daemon.child.wait()
  }

  // MARK: - The same credentials

  @Test(arguments: [SIGTERM, SIGKILL])
  func `the next process hands out the same credentials under the same numbers, and calls nobody`(signal: Int32) throws
  {
    let lab = try lab()
    // One that expires later by a second at least: of two that expire together either may be handed out.
    try eventually("another session is in use") {
      try lab.refresh(["uploader"])
      return try seen(lab, "uploader").generation != 1
    }
    // A refresh more may have been asked for before that was seen.
    try eventually("no call is under way") {
      try lab.daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 0")
    }
    let before = try ["uploader", "reports"].map { try seen(lab, $0) }
    let calls = try lab.emulator.draws()
    end(lab, by: signal)
    let daemon = try lab.startNext(named: "second")
    let after = try ["uploader", "reports"].map { try seen(lab, $0) }
    #expect(after == before)
    #expect(try lab.emulator.draws() == calls)
    #expect(
      daemon.logLines("sessions of the process before taken over", "count=3", "total=3").count == 1, "\(daemon.log)")
    // And over and over.
    end(lab, by: signal)
    try lab.startNext(named: "third")
    #expect(try ["uploader", "reports"].map { try seen(lab, $0) } == before)
    #expect(try lab.emulator.draws() == calls)
  }

  @Test func `with STS down they are there at once`() throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    _ = lab.emulator.child.stop()
    for round in 0..<3 {
      end(lab, by: SIGKILL)
      try lab.startNext(named: "round-\(round)")
      #expect(try seen(lab, "uploader") == before)
    }
    let status = try lab.status("uploader")
    #expect(status.lastError == nil, "nothing was due")
  }

  /// It ended with status 4 and the advice to try again.
  @Test func `a get that waits goes on waiting at the next process`() throws {
    let lab = try lab()
    let fault = try lab.emulator.fault("kind=delay&milliseconds=600000")
    let get = try ChildProcess(
      [
        Programs.commandLine, "--socket", lab.draft.socketPath, "get", "uploader", "--min-ttl", "30min", "--wait",
        "30s",
      ], in: lab.directory, named: "get")
    try eventually("its session is asked for") {
      try lab.daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 1")
    }
    end(lab, by: SIGTERM)
    try lab.emulator.clearFault(fault)
    try lab.startNext(named: "second")
    #expect(get.wait() == 0, "\(get.errors)")
    #expect(get.output.contains("STS."))
  }

  @Test func `a reserved session comes along`() throws {
    let lab = try lab()
    let target = "/v1/roles/uploader/credentials?min_ttl=1800&wait=10"
    let before = try Credential(try lab.daemon.get(target))
    let calls = try lab.emulator.draws()
    end(lab, by: SIGKILL)
    let daemon = try lab.startNext(named: "second")
    #expect(try Credential(try daemon.get(target)).keyID == before.keyID)
    #expect(try lab.emulator.draws() == calls)
  }

  @Test func `what STS has said of the AccessKey is known in the next process`() throws {
    let lab = try lab()
    let before = try #require(try lab.report().sources.first)
    #expect(before.accessKeyID == RealmDraft.key.id)
    _ = lab.emulator.child.stop()
    end(lab, by: SIGKILL)
    try lab.startNext(named: "second")
    let after = try #require(try lab.report().sources.first)
    #expect(after.accessKeyID == before.accessKeyID && after.provenAt == before.provenAt && after.state == .working)
  }

  /// It was shown as unproven until the first session was due.
  @Test func `another AccessKey than before is proven by itself, though no session is due`() throws {
    let lab = try lab { $0.roles.removeLast() }
    let before = try seen(lab, "uploader")
    var realm = RealmDraft(lifetime: nil)
    realm.keys.append(RealmDraft.otherKey)
    try lab.emulator.reload(realm: realm.text)
    let calls = try lab.emulator.draws()
    end(lab, by: SIGTERM)
    try lab.write(key: RealmDraft.otherKey)
    try lab.startNext(named: "second")
    try eventually("the key is proven") {
      try lab.report().sources.first?.accessKeyID == RealmDraft.otherKey.id
    }
    #expect(try lab.report().sources.first?.state == .working)
    #expect(try seen(lab, "uploader") == before && lab.emulator.draws() == calls)
  }

  @Test func `a condemned session never comes back`() throws {
    let lab = try lab()
    let dead = try lab.credential("uploader")
    try lab.emulator.fault("kind=session-revoked&key=\(dead.keyID)")
    let answer = try lab.daemon.post("/v1/roles/uploader/report?access_key_id=\(dead.keyID)")
    #expect(answer.status == 200 && answer.body.contains("condemned"), "\(answer.body)")
    end(lab, by: SIGKILL)
    try lab.startNext(named: "second")
    #expect(try lab.credential("uploader").keyID != dead.keyID)
  }

  @Test func `no AccessKey's secret is in what is handed over`() throws {
    let lab = try lab()
    let session = try lab.credential("uploader")
    end(lab, by: SIGKILL)
    let stored = lab.daemon.notify.takeStored()
    defer { for one in stored { close(one.descriptor) } }
    let descriptor = try #require(stored.first?.descriptor)
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let text = String(
      decoding: bytes.prefix(max(0, count)).map { (0x20...0x7E).contains($0) ? $0 : 0x2E }, as: UTF8.self)
    #expect(text.contains(session.secret) && text.contains(session.token), "it is the store")
    #expect(text.contains(RealmDraft.key.id))
    #expect(!text.contains(RealmDraft.key.secret))
  }

  // MARK: - What isn't used

  @Test func `a store of another boot is dropped with a line, and the numbers go on`() throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    end(lab, by: SIGKILL)
    let daemon = try lab.startNext(
      named: "second", environment: ["ROLEKEEPER_BOOT_ID": "00112233445566778899aabbccddeeff"])
    let after = try seen(lab, "uploader")
    #expect(after.keyID != before.keyID)
    #expect(try #require(after.generation) > (try #require(before.generation)))
    #expect(
      daemon.logLines("warning: sessions of the process before can't be used", "before the host was last booted").count
        == 1, "\(daemon.log)")
    #expect(daemon.notify.takeStored().map(\.name) == ["sessions-2"], "the dropped one is removed")
  }

  /// The same store as a build with another format would have left it.
  private static func inFormat(_ version: UInt32, _ store: CInt) throws -> CInt {
    var header = [UInt8](repeating: 0, count: StoreHeader.size)
    try #require(pread(store, &header, header.count, 0) == header.count)
    let length = (0..<4).reduce(0) { $0 | Int(header[StoreHeader.commitPlace + $1]) << (8 * $1) }
    let boot = try #require(
      BootID(header[16..<32].map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()))
    var base: UnsafeMutableRawPointer?
    let copy = clinux_store_create("sessions", length, &base)
    let image = try #require(base)
    defer { munmap(image, length) }
    try #require(copy >= 0 && pread(store, image, length, 0) == length)
    StoreHeader.bytes(of: boot, version: version).prefix(StoreHeader.commitPlace).withUnsafeBytes {
      image.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
    return copy
  }

  @Test(arguments: [-1, 0, 1])
  func
    `a build with another format before or after it costs the pool and nothing else, and one with the same costs nothing`(
      _ step: Int
    ) throws
  {
    let lab = try lab()
    let before = try ["uploader", "reports"].map { try seen(lab, $0) }
    end(lab, by: SIGTERM)
    let version = UInt32(Int(StoreHeader.version) + step)
    try lab.daemon.notify.replaceStored { try Self.inFormat(version, $0) }
    let daemon = try lab.startNext(named: "second")
    let after = try ["uploader", "reports"].map { try seen(lab, $0) }
    let lines = daemon.logLines("sessions of the process before can't be used")
    if step == 0 {
      #expect(after == before && lines.isEmpty)
    } else {
      for (old, new) in zip(before, after) {
        #expect(new.keyID != old.keyID)
        #expect(try #require(new.generation) > (try #require(old.generation)))
      }
      #expect(lines.count == 1, "\(lines)")
      #expect(lines.first?.contains("it has format \(version), and this build reads \(StoreHeader.version)") == true)
    }
    #expect(daemon.notify.takeStored().map(\.name) == ["sessions-2"], "the one before is removed")
    #expect(try daemon.get("/healthz").body.contains("ok"))
  }

  @Test func `a role whose policy has changed is fetched again, and the others aren't`() throws {
    let lab = try lab()
    let before = try ["uploader", "reports"].map { try seen(lab, $0) }
    end(lab, by: SIGKILL)
    try lab.directory.write(
      #"{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#, to: "policy.json")
    lab.draft.roles[0].more = "policy_file = \"policy.json\""
    try lab.writeSettings()
    try lab.startNext(named: "second")
    let after = try ["uploader", "reports"].map { try seen(lab, $0) }
    #expect(after[0].keyID != before[0].keyID && after[1] == before[1])
    #expect(try #require(after[0].generation) > (try #require(before[0].generation)))
  }

  @Test func `a role that is requested in another way serves on until its next session has come`() throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    end(lab, by: SIGKILL)
    lab.draft.roles[0].more = "session_name = \"another-{role}\""
    try lab.writeSettings()
    let fault = try lab.emulator.fault("kind=error&status=503")
    try lab.startNext(named: "second")
    #expect(try seen(lab, "uploader") == before)
    try lab.emulator.clearFault(fault)
    try eventually("another session") { try lab.credential("uploader").keyID != before.keyID }
  }

  // MARK: - Settings

  @Test func `a start with bad settings goes on with those that were last in force`() throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    end(lab, by: SIGTERM)
    let good = lab.draft.text
    try lab.directory.write("[roles.uploader\n", to: "rolekeeper.toml")
    var daemon = try lab.launchNext(named: "second")
    let ready = try daemon.notify.wait(for: "READY=1")
    #expect(ready.contains("degraded: the settings were refused"), "\(ready)")
    #expect(try seen(lab, "uploader") == before)
    #expect(
      daemon.logLines("error: the settings can't be used; going on with those that were last in force").count == 1)
    let health = try daemon.get("/healthz")
    #expect(health.status == 200 && health.body.contains("degraded"), "\(health.body)")
    // The next one has them, too.
    end(lab, by: SIGKILL)
    daemon = try lab.startNext(named: "third")
    #expect(try seen(lab, "uploader") == before)
    try lab.directory.write(good, to: "rolekeeper.toml")
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(try daemon.get("/healthz").body.contains("degraded") == false)
  }

  @Test func `settings that lost all their roles count as bad`() throws {
    let lab = try lab()
    end(lab, by: SIGTERM)
    lab.draft.roles = []
    try lab.writeSettings()
    let daemon = try lab.startNext(named: "second")
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 200)
    #expect(daemon.logLines("error: the settings can't be used", "is empty, and these roles are in force").count == 1)
  }

  struct UnusableAuthorities: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Nil for no file.
    let text: String?
    let hasSocketUnit: Bool
  }

  private static let unusableAuthorities = [false, true].flatMap { hasSocketUnit in
    [
      ("missing", nil), ("empty", ""),
      ("damaged", "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"),
    ].map {
      UnusableAuthorities(
        testDescription: "\($0.0)\(hasSocketUnit ? ", with a socket unit" : "")", text: $0.1,
        hasSocketUnit: hasSocketUnit)
    }
  }

  /// As a socket unit does.
  private func listen(at path: String) throws -> CInt {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    try #require(UnixAddress(path: path).bind(descriptor) == 0 && Glibc.listen(descriptor, 128) == 0)
    return descriptor
  }

  /// It wasn't serving, or ended, though the sessions that were handed over need no call.
  @Test(arguments: unusableAuthorities)
  func `with a CA file that can't be used it serves the sessions, and calls STS as soon as the file can be`(
    _ file: UnusableAuthorities
  ) throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    end(lab, by: SIGTERM)
    let path = lab.draft.authorityPath
    let good = try #require(FileText.read(path))
    unlink(path)
    if let text = file.text { try lab.directory.write(text, to: String(path.split(separator: "/").last!)) }
    let listener = file.hasSocketUnit ? try listen(at: lab.draft.socketPath) : nil
    let daemon = try lab.launchNext(named: "second", listeners: listener.map { [("rolekeeper.socket", $0)] } ?? [])
    _ = listener.map(close)
    let ready = try daemon.notify.wait(for: "READY=1")
    #expect(try seen(lab, "uploader") == before)
    #expect(ready.contains("CA file '\(path)'") && ready.contains("no certificates were read before"), "\(ready)")
    #expect(!ready.contains("the settings were refused"), "\(ready)")
    #expect(
      daemon.logLines("error: CA file can't be used, refreshes fail until it can be read", path).count == 1,
      "\(daemon.log)")
    let health = try daemon.get("/healthz")
    #expect(
      health.status == 200 && health.body.contains("degraded") && health.body.contains("CA file"), "\(health.body)")
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_ca_file_error 1\n"))
    _ = try daemon.post("/v1/roles/uploader/refresh")
    try eventually("the refresh fails for the CA file:\n\(daemon.log)") {
      try lab.status("uploader").lastError?.code == "CAFile"
    }
    #expect(try seen(lab, "uploader") == before)

    try lab.directory.write(good, to: String(path.split(separator: "/").last!))
    #expect(try daemon.post("/v1/roles/reports/refresh").status == 202)
    try daemon.awaitLog("notice: CA file changed and read again", path)
    try eventually("the role that failed is tried again:\n\(daemon.log)") {
      try lab.credential("uploader").keyID != before.keyID
    }
    try eventually("health follows") { try daemon.get("/healthz").body.contains(#""status":"ok""#) }
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_ca_file_error 0\n"))
  }

  @Test func `with a new CA file that can't be used the settings last in force, whose file can be, are used`() throws {
    let lab = try lab()
    let before = try seen(lab, "uploader")
    end(lab, by: SIGTERM)
    lab.draft.authorityPath = lab.directory.path("mistyped.pem")
    try lab.writeSettings()
    let daemon = try lab.startNext(named: "second")
    #expect(try seen(lab, "uploader") == before)
    #expect(daemon.logLines("error: the settings can't be used", "mistyped.pem").count == 1, "\(daemon.log)")
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_ca_file_error 0\n"))
  }

  @Test func `without a store bad settings end the start, as ever`() throws {
    let lab = try lab()
    end(lab, by: SIGTERM)
    try lab.directory.write("[roles.uploader\n", to: "rolekeeper.toml")
    let daemon = try lab.launch(named: "second")
    #expect(daemon.child.wait() == 78)
  }

  // MARK: - Any moment

  /// The generation that the role's files are of, and the text of one.
  private func inFile(_ lab: Lab, _ role: String) -> (generation: UInt64, text: String)? {
    let directory = "\(lab.draft.directory)/\(role)"
    // By the name that it leads to, so that both are of one generation.
    guard let name = FileChecker.target("\(directory)/current"),
      let generation = FileChecker.target("\(directory)/\(name)/.rotation").flatMap({ UInt64($0) }),
      let text = FileText.read("\(directory)/\(name)/credentials.json")
    else { return nil }
    return (generation, text)
  }

  /// Rotations go on while it is killed; whatever was seen before, at the socket or in the file, is what the next one knows.
  @Test func `killed at any moment it hands over what was seen last, or what is newer`() throws {
    let lab = try lab()
    var chance = SeededGenerator(seed: 7)
    func look() throws -> (generation: UInt64, keyID: String) {
      let reply = try lab.daemon.get("/v1/roles/uploader/credentials")
      let generation = try #require(reply.fields["rolekeeper-generation"].flatMap { UInt64($0) })
      return (generation, try Credential(reply).keyID)
    }
    var last = try look()
    for round in 0..<40 {
      let socket = lab.draft.socketPath
      let pid = lab.daemon.child.pid
      // Rotates as fast as it can until the kill.
      let writer = try ChildProcess(
        [
          "/bin/sh", "-c",
          "while \(Programs.commandLine) --socket \(socket) refresh uploader >/dev/null 2>&1; do :; done",
        ],
        in: lab.directory, named: "writer-\(round)")
      let delay = UInt32.random(in: 0..<60_000, using: &chance)
      let killer = try ChildProcess(
        ["/bin/sh", "-c", "sleep 0.\(String(1_000_000 + delay).dropFirst()); kill -9 \(pid)"], in: lab.directory,
        named: "killer-\(round)")
      while let now = try? look() {
        #expect(now.generation >= last.generation, "round \(round)")
        last = now
      }
      _ = killer.wait()
      _ = writer.stop()
      _ = lab.daemon.child.wait()
      let file = inFile(lab, "uploader")
      try lab.startNext(named: "round-\(round)")
      let now = try look()
      // More than a few aren't seen between two looks: the others would be numbers that were skipped.
      #expect((last.generation...last.generation + 8).contains(now.generation), "round \(round)")
      if now.generation == last.generation { #expect(now.keyID == last.keyID, "round \(round)") }
      let inFile = try #require(file, "round \(round)")
      #expect(now.generation >= inFile.generation, "round \(round)")
      if now.generation == inFile.generation { #expect(inFile.text.contains(now.keyID), "round \(round)") }
      try eventually("the file follows") { self.inFile(lab, "uploader")?.generation == now.generation }
      last = now
    }
  }
}
