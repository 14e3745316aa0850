import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// A disk whose calls fail (EIO). Each role's file fails in another way, all of them at once.
@Suite(.serialized) struct DiskErrorTests {
  struct Case: CustomStringConvertible {
    let role: String
    let call: BrokenDisk.Fault.Call
    /// Whether the file is in memory, where the loop writes it and not the worker, and outside of the role's directory.
    let isInMemory: Bool
    /// What can't be done, by the message.
    let attempt: String

    var description: String { role }
  }

  static let cases = [
    Case(role: "disk-unsynced", call: .sync, isInMemory: false, attempt: "cannot bring it to the disk"),
    Case(role: "disk-unwritten", call: .write, isInMemory: false, attempt: "cannot write its content"),
    Case(role: "memory-unsynced", call: .sync, isInMemory: true, attempt: "cannot bring it to the disk"),
    Case(role: "memory-unwritten", call: .write, isInMemory: true, attempt: "cannot write its content"),
  ]

  /// In seconds. Sessions lapse a second before they end.
  static let lifetime = 8

  @Test func `a disk with errors costs no reader of the socket, its files stay whole until they lapse, and come back`()
    throws
  {
    let memory = try TemporaryDirectory(in: "/dev/shm")
    let roles = Self.cases.map(\.role)
    let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s", roles: roles))
    func home(_ row: Case) -> String { row.isInMemory ? memory.path(row.role) : "\(lab.draft.directory)/\(row.role)" }
    func file(_ row: Case) -> String { "\(home(row))/credentials.json" }
    for row in Self.cases where row.isInMemory { mkdir(home(row), 0o755) }
    lab.draft.roles = Self.cases.map { row in
      SettingsDraft.Role(row.role, files: SettingsDraft.Role.file(row.isInMemory ? file(row) : "credentials.json"))
    }
    try lab.writeSettings()
    let disk = BrokenDisk(in: lab.directory)
    let daemon = try lab.launch(environment: disk.environment)
    try daemon.awaitReady()
    let reader = try Reader(of: roles, at: lab)
    _ = try lab.awaitUse()
    #expect(daemon.logLines("error: ").isEmpty, "the disk is sound yet: \(daemon.log)")

    try disk.become(Self.cases.map { BrokenDisk.Fault($0.call, below: home($0)) })
    for row in Self.cases { try daemon.awaitLog("error: credential file not written", "role=\(row.role)") }
    let last = try Self.cases.map { row in try #require(FileText.read(file(row)), "\(row): no file any more") }
    let lapses = try last.map { Double(try Credential(document: $0).expiration.seconds) - 1 }
    let broken = ContinuousClock.now
    while ContinuousClock.now - broken < .seconds(2 * Self.lifetime) {
      for (index, row) in Self.cases.enumerated() {
        let text = FileText.read(file(row))
        let left = lapses[index] - wallClock()
        if let text, !text.isEmpty { #expect(text == last[index], "\(row): another file, \(left) s before it lapses") }
        // A second of the document's, which has whole ones, and what a busy machine takes to remove it.
        if text == nil { #expect(left < 1, "\(row): gone \(left) s before it lapses") }
        if text != nil { #expect(left > -3, "\(row): there \(-left) s after it lapsed") }
        if text == "" { Issue.record("\(row): an empty file") }
      }
      usleep(20_000)
    }
    for row in Self.cases {
      let complaints = daemon.logLines("error: credential file not written", "role=\(row.role)")
      #expect(complaints.count == 1, "\(row), logged once: \(complaints)")
      #expect(complaints.allSatisfy { $0.contains(row.attempt) && $0.contains("(dmesg)") }, "\(row): \(complaints)")
    }

    try disk.become([])
    try eventually("the files come back:\n\(daemon.log)", within: 25) {
      try Self.cases.allSatisfy { row in
        guard let text = FileText.read(file(row)) else { return false }
        return try Credential(document: text).keyID == lab.credential(row.role).keyID
      }
    }
    for row in Self.cases {
      #expect(daemon.logLines("file can be written again", "role=\(row.role)").count == 1, "\(row)")
      let names = try ChildProcess.run(["/bin/ls", "-A", home(row)]).output
      #expect(!names.contains(".rolekeeper-new"), "\(row), left over: \(names)")
    }
    try lab.awaitRotations(of: roles)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
  }

  /// A write that never returned showed "ok" in all of them.
  @Test func `a disk that hangs is in status, health, metrics and events until it answers`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"]))
    lab.draft.roles = [SettingsDraft.Role("uploader", files: SettingsDraft.Role.file("credentials.json"))]
    try lab.writeSettings()
    let disk = BrokenDisk(in: lab.directory)
    let daemon = try lab.launch(environment: disk.environment)
    try daemon.awaitReady()
    let events = try daemon.events()
    try disk.become([BrokenDisk.Fault(.hang, below: lab.draft.directory)])
    defer { try? disk.become([]) }
    try lab.refresh(["uploader"])

    let failing = try #require(try lab.await(events) { $0.kind == .output }.output)
    #expect(failing.lastError?.contains("its disk hasn't answered for more than 10 s") == true, "\(failing)")
    #expect(failing.generation == 1 && failing.since != nil, "what its readers find is the old one")
    #expect(try lab.status("uploader").outputs == [failing])
    #expect(try HealthAnswer(parsing: Array(daemon.get("/healthz").body.utf8).span).status == .degraded)
    let path = "\(lab.draft.directory)/uploader/credentials.json"
    #expect(
      try daemon.get("/metrics").body.contains("rolekeeper_output_failing{role=\"uploader\",path=\"\(path)\"} 1\n"))
    let phrase = "error: credential file not written yet, its disk doesn't respond"
    #expect(daemon.logLines(phrase, "role=uploader").count == 1)

    try disk.become([])
    let again = try #require(try lab.await(events) { $0.kind == .output }.output)
    #expect(again.exceptEnd == OutputStatus(path: path, generation: 2))
    #expect(daemon.logLines("notice: credential file can be written again", "role=uploader").count == 1)
  }
}
