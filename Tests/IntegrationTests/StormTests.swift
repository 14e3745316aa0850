import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Settings that change all the time, or contradict themselves.
@Suite(.serialized) struct StormTests {
  private func figure(_ name: String, _ lab: Lab) throws -> Int {
    let lines = try lab.daemon.get("/metrics").body.split(separator: "\n")
    return Int(lines.first { $0.hasPrefix("\(name) ") }!.split(separator: " ")[1])!
  }

  /// Every reload changes something about every role, but not what its sessions are.
  @Test func `through hundreds of reloads readers of the socket and of files go on for two lifetimes`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { draft in
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
      draft.roles[1].files = SettingsDraft.Role.file("credentials.json")
    }
    let daemon = try lab.start()
    let files = ["uploader", "reports"].map { "\(lab.draft.directory)/\($0)/credentials.json" }
    let reader = try Reader(of: ["uploader", "reports"], files: files, at: lab)
    let usual = lab.draft
    let start = try lab.awaitUse()
    var reloads = 0
    while ContinuousClock.now - start < .seconds(10) || reloads < 300 {
      reloads += 1
      lab.draft = usual
      if reloads % 2 == 0 { lab.draft.level = "info" }
      if reloads % 3 == 0 { lab.draft.socket += "\nmax_connections_per_uid = \(64 + reloads % 7)" }
      if reloads % 5 == 0 { lab.draft.sts = "requests_per_second = 90\nburst = 90\ntimeout = \"2s\"" }
      for index in lab.draft.roles.indices {
        if reloads % 4 == index { lab.draft.roles[index].times += "\npool = 3" }
        if reloads % 7 == index {
          lab.draft.roles[index].files +=
            "\n[[roles.\(usual.roles[index].name).files]]\npath = \"more.env\"\nformat = \"env\""
        }
      }
      try lab.writeSettings()
      #expect(try daemon.post("/v1/reload").status == 200)
      daemon.notify.drain()
    }
    let findings = try reader.finish()
    print("\(reloads) reloads: \(findings)")
    #expect(findings.areFlawless(for: 8), "\(findings)")
    #expect(daemon.logLines("notice: settings reloaded").count == reloads)
    #expect(daemon.logLines("error: ").isEmpty, "\(daemon.logLines("error: "))")
  }

  struct Contradiction: CustomStringConvertible {
    let description: String
    /// A word of the message.
    let said: String
    let make: @Sendable (inout SettingsDraft) -> Void
  }

  static let contradictions = [
    Contradiction(description: "a floor above what sessions have", said: "floor") {
      $0.roles[0].times = $0.roles[0].times.replacing("floor = \"0s\"", with: "floor = \"14min\"")
    },
    Contradiction(description: "an outage longer than a session", said: "survive_outage") {
      $0.roles[0].times = $0.roles[0].times.replacing("\"1min\"", with: "\"2h\"")
    },
    Contradiction(description: "a longest session shorter than the usual one", said: "max_duration") {
      $0.roles[0].times = $0.roles[0].times.replacing("\"1h\"", with: "\"15min\"").replacing(
        "\"15min\"\nmax", with: "\"30min\"\nmax")
    },
    Contradiction(description: "more refreshes than the rate allows", said: "requests_per_second") { draft in
      draft.sts = "requests_per_second = 0.1"
      draft.roles += (0..<200).map { SettingsDraft.Role("many\($0)") }
    },
    Contradiction(description: "one role twice", said: "uploader") { $0.roles.append(SettingsDraft.Role("uploader")) },
    Contradiction(description: "two files of one name", said: "credentials.json") {
      $0.roles[0].files =
        "path = \"credentials.json\"\n[[roles.uploader.files]]\npath = \"credentials.json\"\nformat = \"env\""
    },
    Contradiction(description: "a file for all the world", said: "allow_world_readable") {
      $0.roles[0].files = SettingsDraft.Role.file("credentials.json", "mode = \"0444\"")
    },
    Contradiction(description: "a source that there isn't", said: "other") { $0.roles[0].more = "source = \"other\"" },
    Contradiction(description: "a policy that there isn't", said: "nowhere.json") {
      $0.roles[0].more = "policy_file = \"nowhere.json\""
    },
    Contradiction(description: "half a file", said: "rolekeeper.toml") { $0.level = "notice\"\n[roles.half" },
  ]

  @Test func `settings that contradict each other are all reported, and the old ones stay in force`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s"))
    let daemon = try lab.start()
    let usual = lab.draft
    let before = try lab.report()
    let reader = try Reader(of: ["uploader", "reports"], at: lab)
    let start = try lab.awaitUse()
    while ContinuousClock.now - start < .seconds(9) {
      for row in Self.contradictions {
        lab.draft = usual
        row.make(&lab.draft)
        try lab.writeSettings()
        let reply = try daemon.post("/v1/reload")
        #expect(reply.status == 422, "\(row): \(reply)")
        let errors = try reply.problem.errors
        #expect(errors.contains { $0.contains(row.said) }, "\(row): \(errors)")
        #expect(errors.allSatisfy { $0.contains(lab.configPath) || $0.contains("nowhere.json") }, "\(row): \(errors)")
        daemon.notify.drain()
      }
    }
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 8), "\(findings)")
    #expect(try lab.report().roles.map(\.name) == before.roles.map(\.name))
    #expect(daemon.logLines("notice: settings reloaded").isEmpty)
    lab.draft = usual
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
  }

  /// Whatever is kept by role has to go with it.
  @Test(.needs(.root))
  func `a role that comes and goes a thousand times leaves neither memory nor descriptors nor files behind`() throws {
    let lifetime = 6
    // Another role rotates all the while, and its reader uses what it gets.
    var realm = RealmDraft(lifetime: nil, roles: ["uploader", "guest"])
    realm.roles["reports"] = "\(lifetime)s"
    let lab = try Lab(realm) { draft in
      draft.sts = "requests_per_second = 10000\nburst = 10000\ntimeout = \"3s\""
      draft.level = "error"
    }
    try lab.emulator.reload(realm: "[accounts.\(RealmDraft.account)]\nrequests_per_second = 1000000\n" + realm.text)
    let daemon = try lab.start()
    let session = try lab.credential("uploader").keyID
    let reader = try Reader(of: ["reports"], at: lab)
    let start = try lab.awaitUse()
    let idle = try lab.descriptorsBesidesSockets()
    let without = lab.draft.text
    lab.draft.roles.append(SettingsDraft.Role("guest", files: SettingsDraft.Role.file("credentials.json")))
    let with = lab.draft.text
    func comeAndGo(_ times: Int, forAtLeast span: Duration = .zero) throws -> Int {
      var time = 0
      while time < times || ContinuousClock.now - start < span {
        defer { time += 1 }
        try lab.directory.write(with, to: "rolekeeper.toml")
        #expect(try daemon.post("/v1/reload").status == 200)
        // Most of the time it goes again while its first session is being fetched.
        if time % 4 == 0 {
          #expect(try daemon.get("/v1/roles/guest/credentials?wait=10").status == 200)
        }
        try lab.directory.write(without, to: "rolekeeper.toml")
        #expect(try daemon.post("/v1/reload").status == 200)
        #expect(try daemon.get("/v1/roles/guest/credentials").status == 404)
        daemon.notify.drain()
      }
      return time
    }
    func rest() throws -> (memory: Int, descriptors: Int) {
      // What is on its way to a disk has descriptors.
      try eventually("its directory goes with it, and all that was to be written in there", within: 60) {
        try access("\(lab.draft.directory)/guest", F_OK) != 0 && lab.descriptorsBesidesSockets() <= idle + 16
      }
      try eventually("all calls have ended") { try figure("rolekeeper_sts_in_flight", lab) == 0 }
      return (try figure("rolekeeper_memory_anonymous_bytes", lab), try lab.descriptorsBesidesSockets())
    }
    // What is made once and kept, such as connections to STS, is there after some.
    _ = try comeAndGo(200)
    let first = try rest()
    // A leak of so many bytes each shows in every round; the allocator's own coming and going doesn't.
    var grown: [Int] = []
    while grown.count < 3, !grown.contains(where: { $0 < 256 }) {
      let before = try rest()
      let times = try comeAndGo(1000, forAtLeast: .seconds(2 * lifetime + 1))
      let after = try rest()
      grown.append((after.memory - before.memory) / times)
      print("\(times) times: anonymous memory \(before.memory), then \(after.memory); descriptors \(after.descriptors)")
    }
    #expect(grown.contains { $0 < 256 }, "bytes each, by round: \(grown)")
    try eventually("descriptors are as before") { try rest().descriptors <= first.descriptors }
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * lifetime)), "\(findings)\n\(daemon.log)")
    #expect(findings.rotations["reports", default: 0] >= 4, "\(findings)")
    #expect(try lab.credential("uploader").keyID == session)
    #expect(try !daemon.get("/metrics").body.contains("guest"))
    #expect(daemon.log.isEmpty, "\(daemon.log)")
  }
}
