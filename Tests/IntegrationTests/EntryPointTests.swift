import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Each format at each place where a user gets a credential: for one who may read the role, for one who may not, and for one who has gone.
///
/// `LoadCredential=` is for units, and takes systemd: `UnitFormatTests`. Clients of the loopback URI that have left are in `LoopbackTests`.
@Suite(.serialized, .needs(.root)) struct EntryPointTests {
  enum EntryPoint: String, CaseIterable {
    case get, exec, file, loopback

    /// The URI has paths for two.
    var formats: [String] { self == .loopback ? ["json", "aws-container"] : EntryPointTests.formats }
  }

  private static let formats = CredentialFormat.allCases.map(\.rawValue) + [OutputFormat.templateName]

  private let address = TCPSocket.freeAddress()
  private let lab: Lab
  private let template: String

  /// `late` has no session yet.
  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "late"]))
    template = try lab.directory.write(
      "{{access_key_id}} {{access_key_secret}} {{security_token}}\n", to: "template", mode: 0o644)
    lab.draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
    lab.draft.loopback = [address.description]
    lab.draft.roles = [role("uploader", of: Person.reader, hasFiles: true), role("late", of: Person.reader)]
    try lab.writeSettings()
    try lab.emulator.fault("kind=error&status=503", role: "late")
    try lab.start()
  }

  private func role(_ name: String, of uid: UInt32, hasFiles: Bool = false) -> SettingsDraft.Role {
    let files = Self.formats.map { format in
      let source = format == OutputFormat.templateName ? "\ntemplate = \"\(template)\"" : ""
      return SettingsDraft.Role.file(format, "format = \"\(format)\"\(source)\nowner = \(uid)\ngroup = \(uid)")
    }
    return SettingsDraft.Role(
      name, more: "allow = { users = [\(uid)] }",
      files: hasFiles ? files.joined(separator: "\n[[roles.\(name).files]]\n") : "")
  }

  /// Words that print what this user gets.
  private func words(
    _ entry: EntryPoint, _ format: String, of role: String = "uploader", by uid: UInt32, _ options: [String] = []
  ) -> [String] {
    let program = [Programs.commandLine, "--socket", lab.draft.socketPath, entry.rawValue, role]
    let choice = format == OutputFormat.templateName ? ["--template", template] : ["--format", format]
    switch entry {
    case .get: return Person.words(uid) + program + choice + options
    case .exec:
      let show = #"if [ "$ROLEKEEPER_CREDENTIALS_FILE" ]; then cat "$ROLEKEEPER_CREDENTIALS_FILE"; else env; fi"#
      return Person.words(uid) + program + choice + options + ["--", "/bin/sh", "-c", show]
    case .file: return Person.words(uid) + ["/bin/cat", "\(lab.draft.directory)/\(role)/\(format)"]
    case .loopback:
      let path = format == "json" ? role : "\(role)/aws"
      return Person.words(uid) + ["/usr/bin/curl", "--silent", "--fail", "--noproxy", "*", "http://\(address)/\(path)"]
    }
  }

  /// Whether this user gets all of the session, or nothing of it; nil for anything else.
  private func gets(_ session: Credential, _ entry: EntryPoint, _ format: String, by uid: UInt32) throws -> Bool? {
    let run = try ChildProcess.run(words(entry, format, by: uid))
    let isWhole = [session.keyID, session.secret, session.token].allSatisfy(run.output.contains)
    let hasSome = (run.output + run.errors).contains("STS.")
    return run.status == 0 && isWhole ? true : run.status != 0 && !hasSome ? false : nil
  }

  @Test(arguments: EntryPoint.allCases)
  func `who may read a role gets each format, who may not gets none, and who may no longer neither`(
    at entry: EntryPoint
  ) throws {
    let session = try lab.credential("uploader")
    for format in entry.formats {
      #expect(try gets(session, entry, format, by: Person.reader) == true, "\(format)")
      #expect(try gets(session, entry, format, by: Person.stranger) == false, "\(format)")
    }
    lab.draft.roles[0] = role("uploader", of: Person.admin, hasFiles: true)
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload").status == 0)
    // Files are written beside the loop.
    try eventually("the new owner has it") { try gets(session, entry, entry.formats.last!, by: Person.admin) == true }
    for format in entry.formats {
      #expect(try gets(session, entry, format, by: Person.admin) == true, "\(format)")
      #expect(try gets(session, entry, format, by: Person.reader) == false, "\(format)")
    }
  }

  private func awaitConnections(_ count: Int) throws {
    try eventually("\(count) wait") {
      // The one that asks counts, too.
      try lab.daemon.get("/metrics").body.contains("\nrolekeeper_connections \(count + 1)\n")
    }
  }

  @Test func `who has gone before the session comes gets none in any format, and no command runs`() throws {
    let waits = ["--wait", "60s"]
    let gone = try [EntryPoint.get, .exec].flatMap { entry in
      try Self.formats.map { format in
        try ChildProcess(
          words(entry, format, of: "late", by: Person.reader, waits), in: lab.directory,
          named: "\(entry.rawValue)-\(format)")
      }
    }
    let stays = try ChildProcess(
      words(.get, "json", of: "late", by: Person.reader, waits), in: lab.directory, named: "stays")
    try awaitConnections(gone.count + 1)
    for child in gone { child.signal(SIGKILL) }
    for child in gone { #expect(child.wait() == 128 + SIGKILL) }
    try awaitConnections(1)
    try lab.emulator.clearFaults()
    #expect(try lab.rolekeeper("refresh", "late").status == 0)
    #expect(stays.wait() == 0)
    #expect(try Credential(document: stays.output).keyID == lab.credential("late").keyID)
    for child in gone { #expect(child.output.isEmpty && child.errors.isEmpty, "\(child.errors)") }
    let lines = lab.daemon.logLines("credential handed out", "role=late", "uid=\(Person.reader)")
    #expect(lines.count == 1 && lines[0].contains("pid=\(stays.pid) "), "\(lines)")
    #expect(
      try lab.daemon.get("/metrics").body.contains(#"rolekeeper_handouts_total{role="late",uid="\#(Person.reader)"} 1"#)
    )
  }
}
