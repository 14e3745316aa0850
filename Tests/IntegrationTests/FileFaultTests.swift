import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// What becomes of files when their disk or their directory fails. Each role has another fault, all of them at once.
@Suite(.serialized, .needs(.root)) struct FileFaultTests {
  /// Where a role's only file is, and what a fault needs to know.
  struct Place {
    let file: String
    /// The role's directory, or that of the file elsewhere.
    let directory: String
    let spare: String
  }

  struct Case: CustomStringConvertible {
    let role: String
    /// Whether the file is outside of the role's directory, in a mount of its own.
    var isElsewhere = false
    /// The fix in the message; nil for what recovers by itself, which isn't reported.
    let cure: String?
    /// Where the lapsed file leaves room for one more it is written again, and what fails then is reported again.
    var complaints = 1...1
    /// Whether what has lapsed can be taken away all the same.
    var canBeRemoved = true
    let happen: @Sendable (Place) throws -> Void
    let mend: @Sendable (Place) throws -> Void

    var description: String { role }
  }

  static let cases = [
    Case(role: "full", isElsewhere: true, cure: "make room there", complaints: 1...10) { place in
      let filler = open(place.spare, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      let page = [UInt8](repeating: 1, count: 4096)
      while write(filler, page, page.count) > 0 {}
      close(filler)
    } mend: { place in
      unlink(place.spare)
    },
    Case(
      role: "read-only", isElsewhere: true, cure: "it is read-only for the daemon; name a directory of its own",
      canBeRemoved: false
    ) { place in
      try PrivateMounts.makeReadOnly(place.directory)
    } mend: { place in
      try PrivateMounts.makeWritable(place.directory)
    },
    Case(role: "blocked", isElsewhere: true, cure: "a directory is in the way; move it") { place in
      unlink(place.file)
      mkdir(place.file, 0o755)
    } mend: { place in
      rmdir(place.file)
    },
    Case(role: "loosened", isElsewhere: true, cure: "name a directory that only root") { place in
      chmod(place.directory, 0o777)
    } mend: { place in
      chmod(place.directory, 0o755)
    },
    Case(role: "linked", cure: "without symlinks", canBeRemoved: false) { place in
      // What is behind the link must not be touched; what its readers find there nobody can help.
      mkdir(place.spare, 0o755)
      close(open("\(place.spare)/precious", O_CREAT | O_WRONLY | O_CLOEXEC, 0o644))
      rename(place.directory, "\(place.spare)/before")
      symlink(place.spare, place.directory)
    } mend: { place in
      unlink(place.directory)
    },
    Case(role: "covered", cure: "a directory is in the way; move it") { place in
      unlink(place.file)
      mkdir(place.file, 0o755)
    } mend: { place in
      rmdir(place.file)
    },
    Case(role: "foreign", cure: "it belongs to uid \(Person.stranger)") { place in
      chown(place.directory, Person.stranger, Person.stranger)
    } mend: { place in
      chown(place.directory, 0, 0)
    },
    // A directory in place of the current generation's file: the next generation has none.
    Case(role: "hollow", cure: nil) { place in
      unlink("\(place.directory)/current/credentials.json")
      mkdir("\(place.directory)/current/credentials.json", 0o755)
    } mend: { _ in
    },
    Case(role: "removed", cure: nil) { place in
      _ = try ChildProcess.run(["/bin/rm", "-r", place.directory])
    } mend: { _ in
    },
  ]

  static let lifetimeSeconds = 4

  @Test func `a disk or directory that fails costs no reader of the socket, and its file comes back by itself`() throws
  {
    try PrivateMounts.run {
      let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetimeSeconds)s", roles: Self.cases.map(\.role)))
      var places: [String: Place] = [:]
      lab.draft.roles = try Self.cases.map { row in
        let mounted = lab.directory.path("mount-\(row.role)")
        let directory = row.isElsewhere ? mounted : "\(lab.draft.directory)/\(row.role)"
        if row.isElsewhere {
          mkdir(mounted, 0o755)
          try PrivateMounts.mountMemory(over: mounted, size: 65_536)
        }
        let spare = row.isElsewhere ? "\(mounted)/spare" : lab.directory.path("spare-\(row.role)")
        let place = Place(file: "\(directory)/credentials.json", directory: directory, spare: spare)
        places[row.role] = place
        return SettingsDraft.Role(
          row.role, files: SettingsDraft.Role.file(row.isElsewhere ? place.file : "credentials.json"))
      }
      try lab.writeSettings()
      let daemon = try lab.start()
      for row in Self.cases { #expect(access(places[row.role]!.file, R_OK) == 0, "\(row)") }
      let reader = try Reader(of: Self.cases.map(\.role), at: lab)
      _ = try lab.awaitUse()

      for row in Self.cases { try row.happen(places[row.role]!) }
      let broken = ContinuousClock.now
      var lapsedSince: [String: ContinuousClock.Instant] = [:]
      while ContinuousClock.now - broken < .seconds(2 * Self.lifetimeSeconds + 2) {
        for row in Self.cases {
          // While it is broken the file may be missing or old, never torn.
          guard let text = FileText.read(places[row.role]!.file), !text.isEmpty else {
            lapsedSince[row.role] = nil
            continue
          }
          let credential = try Credential(document: text)
          if wallClock() < Double(credential.expiration.seconds) {
            lapsedSince[row.role] = nil
          } else if row.canBeRemoved {
            let since = lapsedSince[row.role] ?? ContinuousClock.now
            lapsedSince[row.role] = since
            #expect(ContinuousClock.now - since < .seconds(3), "\(row): a lapsed credential stays in its file")
          }
        }
        usleep(20_000)
      }
      for row in Self.cases {
        let complaints = daemon.logLines("error: credential file not written", "role=\(row.role)")
        guard let cure = row.cure else {
          #expect(complaints.isEmpty, "\(row): \(complaints)")
          continue
        }
        #expect(row.complaints.contains(complaints.count), "\(row), logged once: \(complaints)")
        #expect(complaints.allSatisfy { $0.contains(cure) }, "\(row): \(complaints)")
      }
      let linked = places["linked"]!.spare
      #expect(try ChildProcess.run(["/bin/ls", "-A", linked]).output == "before\nprecious\n")

      for row in Self.cases { try row.mend(places[row.role]!) }
      try eventually("the files come back", within: 25) {
        try Self.cases.allSatisfy { row in
          guard let text = FileText.read(places[row.role]!.file) else { return false }
          return try Credential(document: text).keyID == lab.credential(row.role).keyID
        }
      }
      for row in Self.cases where row.cure != nil {
        let again = daemon.logLines("file can be written again", "role=\(row.role)").count
        #expect(again == daemon.logLines("error: credential file not written", "role=\(row.role)").count, "\(row)")
      }
      let findings = try reader.finish()
      #expect(findings.areFlawless(for: Double(2 * Self.lifetimeSeconds)), "\(findings)")
    }
  }

  struct Drift: CustomTestStringConvertible {
    let testDescription: String
    /// What the warning says of it.
    let found: String
    let happen: @Sendable (String) -> Void
  }

  static let drifts = [
    Drift(testDescription: "another mode", found: "mode 0644 instead of 0440") { chmod($0, 0o644) },
    Drift(
      testDescription: "another owner",
      found: "owner \(Person.stranger):\(Person.clients) instead of \(Person.reader):\(Person.clients)"
    ) { chown($0, Person.stranger, gid_t.max) },
    Drift(
      testDescription: "another group",
      found: "owner \(Person.reader):\(Person.media) instead of \(Person.reader):\(Person.clients)"
    ) { chown($0, uid_t.max, Person.media) },
    Drift(testDescription: "an ACL", found: "an access control list") { path in
      try? AccessControlList.lets(Person.stranger, at: path)
    },
    Drift(testDescription: "other content", found: "other content") { path in
      let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
      write(file, "{}\n", 3)
      close(file)
    },
    Drift(testDescription: "gone", found: "missing") { unlink($0) },
    Drift(testDescription: "another file", found: "another file") { path in
      close(open("\(path).other", O_CREAT | O_WRONLY | O_CLOEXEC, 0o400))
      rename("\(path).other", path)
    },
  ]

  /// No rotation helps: the sessions live for an hour.
  @Test func `a file that drifted in mode, owner or content is replaced by a new one, between rotations too`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let elsewhere = lab.directory.path("elsewhere.json")
    let lines = "owner = \(Person.reader)\ngroup = \(Person.clients)\nmode = \"0440\""
    lab.draft.roles[0].files = SettingsDraft.Role.file("credentials.json", lines)
    lab.draft.roles[1].files = SettingsDraft.Role.file(elsewhere, lines)
    try lab.writeSettings()
    let daemon = try lab.start()
    for (role, path) in [
      ("uploader", "\(lab.draft.directory)/uploader/current/credentials.json"), ("reports", elsewhere),
    ] {
      let content = try #require(FileText.read(path))
      #expect(try Credential(document: content).keyID == lab.credential(role).keyID)
      for drift in Self.drifts {
        // Whoever has the drifted file open goes on with it as it is: it isn't fixed in place.
        let held = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(held) }
        let before = try #require(FileStatus(path))
        let generation = FileChecker.target("\(lab.draft.directory)/uploader/current") ?? "none"
        drift.happen(path)
        let drifted = FileStatus("/proc/self/fd/\(held)", following: true)
        let text = FileText.read("/proc/self/fd/\(held)")
        try eventually("\(role): \(drift.testDescription) is put right") {
          guard let status = FileStatus(path), FileText.read(path) == content else { return false }
          return status.inode != before.inode && status.uid == Person.reader && status.gid == Person.clients
            && status.mode == 0o440
        }
        #expect(FileStatus("/proc/self/fd/\(held)", following: true) == drifted, "\(role): \(drift.testDescription)")
        #expect(FileText.read("/proc/self/fd/\(held)") == text, "\(role): \(drift.testDescription)")
        #expect(!AccessControlList.isThere(at: path), "\(role): \(drift.testDescription)")
        if role == "uploader" {
          try eventually("\(drift.testDescription): nobody reads it in its old place") {
            FileStatus("\(lab.draft.directory)/uploader/\(generation)") == nil
          }
        }
        try eventually("\(role): \(drift.testDescription) is named in:\n\(daemon.log)") {
          let warnings = daemon.logLines("warning: credential file was changed by somebody else", "role=\(role)")
          return warnings.last?.contains(drift.found) == true
        }
      }
    }
    #expect(try lab.emulator.draws() == 2, "nothing was drawn for it")
    let warnings = daemon.logLines("warning: credential file was changed by somebody else")
    #expect(warnings.count == 2 * Self.drifts.count, "once each: \(warnings)")
    let metrics = try daemon.get("/metrics").body
    #expect(metrics.contains("rolekeeper_output_drifts_total{role=\"uploader\"} \(Self.drifts.count)\n"))
    #expect(daemon.logLines("error: ").isEmpty, "\(daemon.log)")
  }
}
