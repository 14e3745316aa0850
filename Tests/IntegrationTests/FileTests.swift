import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct FileTests {
  private func target(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A tree that only the test and the daemon know.
  private func files(_ lines: String = "") -> String {
    SettingsDraft.Role.file("credentials.json", lines) + "\n[[roles.uploader.files]]\n"
      + SettingsDraft.Role.file("credentials.env", "format = \"env\"\n\(lines)")
  }

  /// On a disk they take some milliseconds; a service that is ordered after this one reads them as it starts.
  @Test func `files are there when the daemon says that it is ready`() throws {
    for _ in 0..<5 {
      let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].files = files() }
      try lab.start()
      #expect(access("\(lab.draft.directory)/uploader/credentials.json", R_OK) == 0)
      #expect(access("\(lab.draft.directory)/uploader/credentials.env", R_OK) == 0)
    }
  }

  @Test func `files in two formats switch together at each rotation and always hold what is valid`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { $0.roles[0].files = files() }
    let daemon = try lab.start()
    let events = try daemon.events()
    let home = "\(lab.draft.directory)/uploader"
    var generations: Set<String> = []
    for _ in 0..<4 {
      let event = try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }
      try eventually("the files follow") {
        FileText.read("\(home)/credentials.json")?.contains(event.accessKeyID!) == true
      }
      let current = try #require(target("\(home)/current"))
      generations.insert(current)
      let json = try Credential(document: try #require(FileText.read("\(home)/\(current)/credentials.json")))
      let env = try #require(FileText.read("\(home)/\(current)/credentials.env"))
      #expect(env.contains(json.keyID) && env.contains(json.token), "both are of one generation")
      #expect(json.expiration > UTCTime(seconds: Int64(wallClock())))
      #expect(target("\(home)/credentials.json")?.hasPrefix("current/") == true)
    }
    #expect(generations.count >= 3)
    #expect(FileStatus("\(home)/current/credentials.json")?.mode == 0o400)
    #expect(FileStatus(home)?.mode == 0o711)
  }

  @Test func `a file may have each format, and a reload brings a changed template into it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let template = try lab.directory.write("id {{access_key_id}}\n", to: "t", mode: 0o644)
    lab.draft.roles[0].files = (CredentialFormat.allCases.map(\.rawValue) + ["template"]).map { format in
      SettingsDraft.Role.file(
        "c.\(format)", "format = \"\(format)\"" + (format == "template" ? "\ntemplate = \"\(template)\"" : ""))
    }.joined(separator: "\n[[roles.uploader.files]]\n")
    try lab.writeSettings()
    try lab.start()
    let credential = try lab.credential("uploader")
    let home = "\(lab.draft.directory)/uploader"
    for format in CredentialFormat.allCases {
      let text = try #require(FileText.read("\(home)/c.\(format.rawValue)"))
      #expect(text.contains(credential.keyID) && text.contains(credential.token), "\(format)")
      #expect(try lab.rolekeeper("get", "uploader", "--format", format.rawValue).output == text)
    }
    #expect(FileText.read("\(home)/c.template") == "id \(credential.keyID)\n")
    try lab.directory.write("token {{security_token|shell}}\n", to: "t", mode: 0o644)
    #expect(try lab.rolekeeper("reload").status == 0)
    try eventually("the file follows") { FileText.read("\(home)/c.template") == "token '\(credential.token)'\n" }
    try lab.directory.write("{{token}}\n", to: "t", mode: 0o644)
    let refused = try lab.rolekeeper("reload")
    #expect(refused.status == 1 && refused.errors.contains("there is no such field"), "\(refused.errors)")
    #expect(FileText.read("\(home)/c.template") == "token '\(credential.token)'\n")
  }

  /// Whoever has the file open goes on reading what it opened; whoever opens it finds a whole one.
  @Test func `a file elsewhere is replaced at each rotation, never written in place`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s"))
    let path = lab.directory.path("elsewhere.json")
    lab.draft.roles[0].files = SettingsDraft.Role.file(path)
    try lab.writeSettings()
    let daemon = try lab.start()
    try eventually("the file is written") { access(path, R_OK) == 0 }
    let events = try daemon.events()
    for _ in 0..<3 {
      let held = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(held) }
      let before = try #require(FileText.read(path))
      let inode = FileStatus(path)?.inode
      let event = try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }
      try eventually("the file follows") {
        let text = FileText.read(path)
        _ = try Credential(document: text ?? "")
        return text?.contains(event.accessKeyID!) == true
      }
      #expect(FileStatus(path)?.inode != inode)
      #expect(FileText.read("/proc/self/fd/\(held)") == before)
    }
    try lab.emulator.fault("kind=error&status=503")
    try lab.await(events) { $0.role == "uploader" && $0.state == .lapsed }
    try eventually("it goes with its session") { access(path, F_OK) != 0 }
  }

  @Test func `a shell takes the env file as it is`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].files = files() }
    try lab.start()
    let path = "\(lab.draft.directory)/uploader/credentials.env"
    try eventually("the file is written") { access(path, R_OK) == 0 }
    let run = try ChildProcess.run(
      ["/bin/sh", "-euc", ". \"$1\"; printf %s \"$ALIBABA_CLOUD_SECURITY_TOKEN\"", "sh", path])
    #expect(try run.output == lab.credential("uploader").token, "\(run.errors)")
  }

  @Test(.needs(.root)) func `owner, group and mode are as the settings say, and only they can read`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.roles[0].files = files("owner = \(Person.reader)\ngroup = \(Person.media)\nmode = \"0440\"")
    }
    try lab.start()
    let path = "\(lab.draft.directory)/uploader/credentials.json"
    try eventually("the file is written") { access(path, R_OK) == 0 }
    let status = try #require(FileStatus("\(lab.draft.directory)/uploader/current/credentials.json"))
    #expect(status.uid == Person.reader && status.gid == Person.media && status.mode == 0o440)
    for (uid, groups, mayRead) in [
      (Person.reader, [UInt32](), true), (Person.stranger, [Person.media], true), (Person.stranger, [], false),
    ] {
      let cat = try ChildProcess.run(Person.words(uid, groups: groups) + ["/bin/cat", path])
      #expect((cat.status == 0) == mayRead, "\(uid) \(groups): \(cat.errors)")
    }
  }

  @Test func `a restarted daemon goes on with the next generation`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].files = files() }
    let home = "\(lab.draft.directory)/uploader"
    let first = try lab.start()
    try eventually("the file is written") { access("\(home)/credentials.json", R_OK) == 0 }
    first.child.signal(SIGKILL)
    let before = try #require(target("\(home)/current"))
    first.child.wait()
    try lab.start(named: "second")
    let session = try lab.credential("uploader")
    try eventually("the file is written anew") {
      FileText.read("\(home)/credentials.json")?.contains(session.keyID) == true
    }
    let after = try #require(target("\(home)/current"))
    #expect(Int(after.dropFirst(4)) == Int(before.dropFirst(4))! + 1, "\(before), then \(after)")
  }

  /// Of many roles each was looked at once a minute: for so long, files held a credential that had expired. And how long one lives was
  /// reckoned from the settings: with longer sessions in them than the files were written by, expired ones stayed for hours.
  @Test func `what an earlier process left goes when it lapses, though STS is down and the settings say longer`() throws
  {
    let names = (1...60).map { "role\($0)" }
    let lab = try Lab(RealmDraft(lifetime: "12s", roles: names)) { draft in
      draft.roles = names.map { SettingsDraft.Role($0, files: SettingsDraft.Role.file("credentials.json")) }
    }
    let elsewhere = lab.directory.path("elsewhere.json")
    lab.draft.roles[0].files = SettingsDraft.Role.file(elsewhere)
    try lab.writeSettings()
    let paths = [elsewhere] + names.dropFirst().map { "\(lab.draft.directory)/\($0)/credentials.json" }
    let first = try lab.start()
    try eventually("all are written") { paths.allSatisfy { access($0, R_OK) == 0 } }
    try lab.emulator.fault("kind=error&status=503")
    first.child.signal(SIGKILL)
    first.child.wait()
    let ends = try paths.map { Double(try Credential(document: FileText.read($0) ?? "").expiration.seconds) }
    for index in lab.draft.roles.indices {
      lab.draft.roles[index].times = lab.draft.roles[index].times
        .replacing("duration = \"15min\"\nmax_duration = \"1h\"", with: "duration = \"12h\"\nmax_duration = \"12h\"")
    }
    #expect(lab.draft.text.contains("duration = \"12h\""))
    try lab.writeSettings()
    try lab.launch(named: "second")
    try eventually("the daemon answers") { (try? lab.daemon.get("/healthz")) != nil }
    let remaining = paths.filter { access($0, F_OK) == 0 }
    if wallClock() < ends.min()! - 2 { #expect(remaining.count == paths.count, "some went too early") }
    try eventually("all go", within: 20) { paths.allSatisfy { access($0, F_OK) != 0 } }
    #expect(wallClock() < ends.max()! + 3, "some stayed too long")
  }

  /// A reload refuses them; a start, which has nothing to compare them with, removed all files.
  @Test func `a start with settings cut off before the first role destroys no file that is still valid`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      for index in draft.roles.indices { draft.roles[index].files = SettingsDraft.Role.file("credentials.json") }
    }
    let paths = ["uploader", "reports"].map { "\(lab.draft.directory)/\($0)/credentials.json" }
    let first = try lab.start()
    try eventually("all are written") { paths.allSatisfy { access($0, R_OK) == 0 } }
    first.child.stop()
    let good = lab.draft.text
    try lab.directory.write(
      String(good.prefix(upTo: good.firstRange(of: "[roles.")!.lowerBound)), to: "rolekeeper.toml")
    let second = try lab.launch(named: "second")
    try second.awaitLog(
      "warning: credential files that the settings no longer name stay", "role=\"reports, uploader\"")
    try eventually("the daemon answers") { (try? second.get("/healthz"))?.body.contains("degraded") == true }
    for path in paths { #expect(access(path, R_OK) == 0) }

    // One role came back; the other one's files go, as at a start without it.
    lab.draft.roles.removeAll { $0.name == "reports" }
    try lab.writeSettings()
    #expect(try second.post("/v1/reload").status == 200)
    #expect(access(paths[1], F_OK) != 0)
    try eventually("the file is current") {
      // There is none until its first session is there.
      guard let credential = try? lab.credential("uploader") else { return false }
      return FileText.read(paths[0])?.contains(credential.keyID) == true
    }
  }

  /// It stayed on the disk with a live credential: the new process had never heard of it.
  @Test func `a file elsewhere that the settings stop naming while no daemon runs is removed by the next one`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let paths = ["old.json", "kept.json", "theirs.json"].map { lab.directory.path($0) }
    lab.draft.roles[0].files = paths.map { SettingsDraft.Role.file($0) }.joined(
      separator: "\n[[roles.uploader.files]]\n")
    try lab.writeSettings()
    let first = try lab.start()
    for path in paths { #expect(access(path, R_OK) == 0) }
    // Also of a process that had no time to say so.
    first.child.signal(SIGKILL)
    first.child.wait()
    let good = lab.draft.text
    try lab.directory.write("precious", to: "new")
    rename(lab.directory.path("new"), paths[2])

    // Cut off before the roles: nothing is removed.
    try lab.directory.write(
      String(good.prefix(upTo: good.firstRange(of: "[roles.")!.lowerBound)), to: "rolekeeper.toml")
    let second = try lab.launch(named: "second")
    try second.awaitLog(
      "warning: a credential file that the settings no longer name stays until its session expires", "path=\(paths[0])")
    try second.awaitLog("warning: a file that the settings no longer name was changed by somebody else", paths[2])
    try eventually("the daemon answers") { (try? second.get("/healthz"))?.body.contains("degraded") == true }
    for path in paths { #expect(access(path, R_OK) == 0) }
    second.child.stop()

    lab.draft.roles[0].files = SettingsDraft.Role.file(paths[1])
    try lab.writeSettings()
    let third = try lab.start(named: "third")
    try third.awaitLog("notice: removed a credential file that the settings no longer name", "path=\(paths[0])")
    #expect(access(paths[0], F_OK) != 0 && FileText.read(paths[2]) == "precious")
    #expect(FileText.read(paths[1])?.contains(try lab.credential("uploader").keyID) == true)
    #expect(third.child.stop() == 0)
    #expect(FileText.read("\(lab.draft.socketPath).generations")?.contains("\(paths[0])") == false)
  }

  @Test func `a directory that vanished is made again, and its files written`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { $0.roles[0].files = files() }
    try lab.start()
    let path = "\(lab.draft.directory)/uploader/credentials.json"
    try eventually("the file is written") { access(path, R_OK) == 0 }
    #expect(try ChildProcess.run(["/bin/rm", "-r", lab.draft.directory]).status == 0)
    try eventually("the file is there again") { access(path, R_OK) == 0 }
    #expect(try lab.status("uploader").state == .valid)
  }

  /// The disk fills up under the daemon; the generation that is there must stay whole, and be replaced when there is room.
  @Test(.needs(.root)) func `a full disk leaves the old generation whole, is reported once, and tried again`() throws {
    try PrivateMounts.run {
      let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
        draft.directory = draft.directory.replacing("/roles", with: "/small/roles")
        draft.roles[0].files = self.files()
      }
      let small = lab.directory.path("small")
      mkdir(small, 0o755)
      try PrivateMounts.mountMemory(over: small, size: 65_536)
      let daemon = try lab.start()
      let home = "\(lab.draft.directory)/uploader"
      try eventually("the file is written") { access("\(home)/credentials.json", R_OK) == 0 }
      let whole = try #require(FileText.read("\(home)/credentials.json"))
      let filler = open("\(small)/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      let page = [UInt8](repeating: 1, count: 4096)
      while write(filler, page, page.count) > 0 {}
      close(filler)

      let events = try daemon.events()
      for generation in 2...4 {
        #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
        try lab.await(events) { $0.role == "uploader" && $0.generation == generation && $0.kind == .rotated }
      }
      try daemon.awaitLog("error: credential file not written, keeping the existing one", "role=uploader")
      #expect(FileText.read("\(home)/credentials.json") == whole)
      #expect(FileText.read("\(home)/credentials.env")?.contains(try Credential(document: whole).token) == true)
      // A rotation that can't be written doesn't keep anybody from the socket.
      let session = try lab.credential("uploader").keyID
      #expect(!whole.contains(session))

      unlink("\(small)/filler")
      try eventually("the newest is written when there is room", within: 15) {
        FileText.read("\(home)/credentials.json")?.contains(session) == true
      }
      try daemon.awaitLog("file can be written again", "role=uploader")
      #expect(daemon.logLines("file not written", "role=uploader").count <= 2, "once for each file")
    }
  }

  @Test func `what somebody changed in a file is replaced, never fixed in place`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { $0.roles[0].files = files() }
    let daemon = try lab.start()
    let path = "\(lab.draft.directory)/uploader/current/credentials.json"
    try eventually("the file is written") { access(path, R_OK) == 0 }
    // Somebody keeps the file of this generation open: it must never change under its reader.
    let held = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(held) }
    let inode = FileStatus(path)?.inode
    let before = try #require(FileText.read("/proc/self/fd/\(held)"))
    let events = try daemon.events()
    for _ in 0..<2 { try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated } }
    try eventually("another file takes its place") { FileStatus(path)?.inode != inode }
    #expect(FileText.read("/proc/self/fd/\(held)") == before)
  }
}
