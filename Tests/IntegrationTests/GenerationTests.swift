import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// A role's generation grows over every end of the daemon, whether the role has files or not.
@Suite(.serialized) struct GenerationTests {
  private func lab(files: Bool) throws -> Lab {
    try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
      draft.roles = [
        SettingsDraft.Role("uploader", files: files ? SettingsDraft.Role.file("credentials.json") : "")
      ]
    }
  }

  @Test(arguments: [false, true]) func `a generation never goes down, however the daemon ends`(files: Bool) throws {
    let lab = try lab(files: files)
    try lab.start()
    #expect(try lab.status("uploader").generation == 1)
    #expect(lab.daemon.child.stop() == 0)
    try lab.start(named: "second")
    #expect(try lab.status("uploader").generation == 2, "after an end in good order the next number follows")
    var last: UInt64 = 2
    for round in 0..<3 {
      lab.daemon.child.signal(SIGKILL)
      _ = lab.daemon.child.wait()
      try lab.start(named: "round-\(round)")
      let now = try lab.status("uploader").generation
      #expect(now > last)
      last = now
    }
  }

  @Test func `a removed role goes on above its last generation, also after a restart`() throws {
    let lab = try lab(files: false)
    try lab.start()
    #expect(lab.daemon.child.stop() == 0)
    let roles = lab.draft.roles
    lab.draft.roles = [SettingsDraft.Role("reports")]
    lab.draft.roles[0].arn = "acs:ram::\(RealmDraft.account):role/uploader"
    try lab.writeSettings()
    try lab.start(named: "without")
    #expect(lab.daemon.child.stop() == 0)
    lab.draft.roles = roles
    try lab.writeSettings()
    try lab.start(named: "with")
    #expect(try lab.status("uploader").generation == 2)
  }

  /// The files' numbers counted then, which may be lower than what was read at the socket; a role without files began again at 1.
  @Test(arguments: [false, true])
  func `where the numbers can't be read they go on from the clock, and the log says so`(files: Bool) throws {
    let lab = try lab(files: files)
    try lab.start()
    try eventually("three generations") {
      try lab.refresh(["uploader"])
      return try lab.status("uploader").generation >= 3
    }
    #expect(lab.daemon.child.stop() == 0)
    let path = "\(lab.draft.socketPath).generations"
    let lines = (FileText.read(path) ?? "").split(separator: "\n")
    #expect(lines.first == "rolekeeper generations 3" && lines.last?.hasPrefix("= ") == true)
    // Before the roles' numbers stands that of the first store that has them.
    #expect(lines.count > 2 && lines[1].hasPrefix("@ ") && lines[2].hasPrefix("uploader "), "\(lines)")
    try lab.directory.write("rolekeeper generations 3\nuploader 1\n", to: "rk.sock.generations")
    let before = UInt64(time(nil)) * 1000
    let daemon = try lab.start(named: "second")
    let found = try lab.status("uploader").generation
    #expect(found > before)
    #expect(daemon.logLines("warning: saved generation numbers can't be read", path).count == 1)
    #expect(daemon.child.stop() == 0)
    try lab.start(named: "third")
    #expect(try lab.status("uploader").generation == found + 1)
  }

  @Test func `where the numbers are gone the files' numbers count`() throws {
    let lab = try lab(files: true)
    try lab.start()
    #expect(lab.daemon.child.stop() == 0)
    unlink("\(lab.draft.socketPath).generations")
    try lab.start(named: "second")
    #expect(try lab.status("uploader").generation == 2)
  }

  @Test func `where the numbers can't be written the daemon serves, and says so once`() throws {
    let lab = try lab(files: false)
    mkdir("\(lab.draft.socketPath).generations.new", 0o700)
    let daemon = try lab.start()
    for _ in 0..<3 { try lab.refresh(["uploader"]) }
    #expect(try daemon.get("/v1/roles/uploader/credentials").status == 200)
    #expect(daemon.logLines("warning: generation numbers not saved").count == 1)
    let seen = try lab.status("uploader").generation
    daemon.child.signal(SIGKILL)
    _ = daemon.child.wait()
    try lab.start(named: "second")
    #expect(try lab.status("uploader").generation > seen)
  }

  @Test func `a socket that moves takes the numbers along`() throws {
    let lab = try lab(files: false)
    let daemon = try lab.start()
    let old = "\(lab.draft.socketPath).generations"
    #expect(access(old, F_OK) == 0)
    lab.draft.socketPath = lab.directory.path("moved.sock")
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(access(old, F_OK) != 0)
    #expect(access("\(lab.draft.socketPath).generations", F_OK) == 0)
  }
}
