import Core
import Glibc
import Secrets
import TestSupport
import Testing

@testable import FileOutput
@testable import Settings

/// The handling of outputs elsewhere that an earlier process wrote and the settings no longer name.
@Suite struct FormerFilesTests {
  private static let main = "/etc/rolekeeper/rolekeeper.toml"
  private static let extra = "/etc/rolekeeper/roles.d/extra.toml"

  private let directory: TemporaryDirectory
  private let scheduler: VirtualScheduler
  private let recorder = LogRecorder()
  private let outputs: Outputs

  init() throws {
    directory = try TemporaryDirectory()
    // Files expire by the host's clock.
    scheduler = VirtualScheduler(wallSeconds: Int64(time(nil)))
    let mounts = MountTable("1 0 0:1 / \(directory.path) rw - tmpfs tmpfs rw")
    outputs = try Outputs(
      scheduler: scheduler, settings: SettingsInForce(filesIn: directory.path("roles")),
      log: recorder.log,
      mounts: { mounts })
  }

  private func path(_ name: String) throws -> OutputPath { try #require(OutputPath(directory.path(name))) }

  private static func name(_ text: String) -> RoleName { RoleName(text)! }

  /// A file as an earlier process wrote and recorded it.
  private func leave(_ file: String, of role: String, in settings: String? = Self.main, for life: Int = 3600) throws
    -> RecordedOutput
  {
    let place = try path(file)
    var single = SingleFile(place, OutputFile(.elsewhere(place), uid: geteuid(), gid: getegid(), mode: 0o400))
    let text = Secret(copying: Array("text".utf8).span)
    _ = try single.write(SealedContent(text, version: 1), until: time(nil) + life)
    return RecordedOutput(role: Self.name(role), uid: geteuid(), settingsFile: settings, path: place)
  }

  private func isThere(_ file: String) -> Bool { access(directory.path(file), F_OK) == 0 }

  private func role(_ name: String, _ files: String...) -> RoleSettings {
    var role = RoleSettings.named(name)
    role.outputs = files.map {
      OutputSettings(
        location: .elsewhere(path: directory.path($0)), format: .known(.json), uid: geteuid(), gid: getegid(),
        mode: 0o400)
    }
    return role
  }

  private static func inventory(_ roles: [String], endsInLineFeed: Bool = true, extra: [String]? = nil)
    -> SettingsInventory
  {
    func file(_ path: String, _ roles: [String]) -> SettingsInventory.File {
      .init(path: path, roles: roles.map(name), endsInLineFeed: endsInLineFeed, lastTable: nil)
    }
    return SettingsInventory(files: [file(main, roles)] + (extra.map { [file(self.extra, $0)] } ?? []))
  }

  private func start(_ recorded: [RecordedOutput], _ roles: [RoleSettings], _ inventory: SettingsInventory) {
    for role in roles { outputs.keep(role) }
    outputs.takeOver(recorded, from: roles, inventory)
  }

  /// Without the record of what is written.
  private var lines: [String] { recorder.all.filter { !$0.contains(": credential file written ") } }

  @Test func `a file that the settings no longer name is removed at the start, with one line`() throws {
    let gone = try leave("gone", of: "a")
    let kept = try leave("kept", of: "a")
    let roles = [role("a", "kept")]
    start([gone, kept], roles, Self.inventory(["a"]))
    #expect(!isThere("gone") && isThere("kept"))
    #expect(lines == ["notice: removed a credential file that the settings no longer name path=\(gone.path) role=a"])
    #expect(outputs.recorded == [kept], "and is forgotten")
  }

  @Test func `a file that is already gone is forgotten without a message`() throws {
    let gone = RecordedOutput(role: Self.name("a"), uid: 1, settingsFile: Self.main, path: try path("nowhere/file"))
    start([gone], [role("a", "kept")], Self.inventory(["a"]))
    let kept = try path("kept")
    #expect(lines.isEmpty && outputs.recorded.map(\.path) == [kept])
  }

  @Test func `a file that somebody else put there stays, and is reported once`() throws {
    let gone = try leave("gone", of: "a")
    unlink(directory.path("gone"))
    unlink(directory.path(".gone.rolekeeper-expires"))
    try directory.write("precious", to: "gone")
    start([gone], [role("a", "kept")], Self.inventory(["a"]))
    #expect(FileText.read(directory.path("gone")) == "precious")
    #expect(lines.count == 1 && lines[0].hasPrefix("warning: a file that the settings no longer name was changed"))
    #expect(!outputs.recorded.contains(gone))
  }

  /// Which settings look truncated, and which are intended.
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var file: String? = FormerFilesTests.main
    let roles: [String]
    var files = ["kept"]
    var extra: [String]?
    var endsInLineFeed = true
    let reason: RetentionReason?
  }

  @Test(arguments: [
    Row(testDescription: "no role at all", roles: [], reason: .noRoles),
    Row(testDescription: "one role of two taken out", roles: ["b"], reason: nil),
    Row(testDescription: "one file of two taken out", roles: ["a"], reason: nil),
    Row(testDescription: "all files of a role", roles: ["a"], files: [], reason: .roleLostFiles(name("a"))),
    Row(testDescription: "the line end, too", roles: ["b"], endsInLineFeed: false, reason: .noLineEnd(main)),
    Row(
      testDescription: "an emptied file of roles.d", file: extra, roles: ["b"], extra: [], reason: .fileLostRoles(extra)
    ),
    Row(testDescription: "a deleted file of roles.d", file: extra, roles: ["b"], reason: nil),
    Row(
      testDescription: "a role moved to another file, without its file", file: extra, roles: ["a"], extra: [],
      reason: nil),
    Row(testDescription: "taken out by a reload before", file: nil, roles: ["b"], endsInLineFeed: false, reason: nil),
  ])
  func `a file missing from truncated-looking settings stays until its end`(_ row: Row) throws {
    let gone = try leave("gone", of: "a", in: row.file)
    let ended = try leave("ended", of: "a", in: row.file, for: -1)
    let roles = row.roles.map { name in
      var role = role(name, "kept-\(name)")
      if row.files.isEmpty { role.outputs = [] }
      return role
    }
    let inventory = Self.inventory(row.roles, endsInLineFeed: row.endsInLineFeed, extra: row.extra)
    #expect(RetentionReason(of: gone, roles: roles, inventory: inventory) == row.reason)
    start([gone, ended], roles, inventory)
    #expect(isThere("gone") == (row.reason != nil) && !isThere("ended"))
    #expect(outputs.recorded.contains(gone) == (row.reason != nil))
    guard let reason = row.reason else { return }
    let phrase = "warning: a credential file that the settings no longer name stays until its session expires"
    #expect(lines.contains { $0.hasPrefix(phrase) && $0.contains("\(gone.path)") && $0.contains("reason=\(reason)") })

    // The same again by a reload, and by one that allows removal.
    outputs.rolesChanged(to: roles, inventory)
    #expect(isThere("gone") && lines.count { $0.hasPrefix(phrase) && $0.contains("\(gone.path)") } == 1)
    outputs.rolesChanged(to: roles, inventory, allowsRemoval: true)
    #expect(!isThere("gone") && !outputs.recorded.contains(gone))
  }

  /// Files in homes, which are hidden from the unit, were reported as files that stay, and as not removed, at every start.
  @Test func `paths where nothing was written aren't reported, whatever the settings now say`() throws {
    mkdir(directory.path("blocked"), 0o755)
    try directory.write("", to: "blocked/file")
    // A file in the path stands for anything that keeps the daemon from examining it.
    let planned = RecordedOutput(
      role: Self.name("a"), uid: 1, settingsFile: Self.main, path: try path("blocked/file/c.env"), isWritten: false)
    let missing = RecordedOutput(
      role: Self.name("a"), uid: 1, settingsFile: Self.main, path: try path("nowhere"), isWritten: false)
    let noFiles = RoleSettings.named("a")
    start([planned, missing], [noFiles], Self.inventory(["a"]))
    #expect(lines.isEmpty && outputs.recorded.isEmpty)
    // A file that was written there after all is found.
    let there = try leave("there", of: "a")
    start([there.asPlanned], [noFiles], Self.inventory(["a"]))
    #expect(isThere("there") && lines.count == 1 && lines[0].contains("stays until its session expires"))
  }

  @Test func `a file that couldn't be written isn't removed by a reload, and no start looks for it`() throws {
    let place = directory.path("blocked/file/c.env")
    mkdir(directory.path("blocked"), 0o755)
    try directory.write("", to: "blocked/file")
    let role = role("a", "blocked/file/c.env", "kept")
    outputs.keep(role)
    outputs.publish(FakeRole(role, scheduler))
    let recorded = outputs.recorded
    #expect(
      Set(recorded.map { "\($0.path) \($0.isWritten)" }) == [
        "\(place) false", "\(directory.path("kept")) true",
      ])
    #expect(outputs.unwritten == [role.name: [.elsewhere(path: place)]])
    let before = lines.count
    let new = self.role("a", "kept")
    outputs.keep(new)
    outputs.rolesChanged(to: [new], Self.inventory(["a"]))
    #expect(lines.count == before && isThere("kept"))
    #expect(outputs.recorded.map(\.isWritten) == [true])
  }

  @Test func `a file that the settings name again is its role's again`() throws {
    let gone = try leave("gone", of: "a")
    start([gone], [], Self.inventory([]))
    #expect(isThere("gone"))
    let new = role("a", "gone")
    outputs.keep(new)
    outputs.rolesChanged(to: [new], Self.inventory(["a"]))
    #expect(isThere("gone") && outputs.recorded == [gone])
  }

  /// Its new readers would have got a credential that isn't for them.
  @Test func `a file that now belongs to another role doesn't keep the earlier role's credential`() throws {
    let moved = try leave("moved", of: "a")
    let same = try leave("same", of: "b")
    start([moved, same], [role("a", "kept"), role("b", "moved", "same")], Self.inventory(["a", "b"]))
    #expect(!isThere("moved") && isThere("same"))
  }

  @Test func `a file that can't be removed is recorded for the next process, and tried again`() throws {
    let gone = try leave("gone", of: "a")
    let obstacle = directory.path(".gone.rolekeeper-new")
    mkdir(obstacle, 0o755)
    let roles = [role("a", "kept")]
    start([gone], roles, Self.inventory(["a"]))
    outputs.rolesChanged(to: roles, Self.inventory(["a"]))
    let phrase = "warning: can't remove a credential file that the settings no longer name, trying again"
    #expect(lines.count { $0.hasPrefix(phrase) } == 1 && outputs.recorded.contains(gone))
    rmdir(obstacle)
    outputs.rolesChanged(to: roles, Self.inventory(["a"]))
    #expect(!isThere("gone") && !outputs.recorded.contains(gone))
  }

  @Test func `a reload's failed removal is recorded for the next process as intended`() throws {
    let kept = try leave("gone", of: "a")
    start([], [role("a", "gone")], Self.inventory(["a"]))
    let obstacle = directory.path(".gone.rolekeeper-new")
    mkdir(obstacle, 0o755)
    let new = role("a", "other")
    outputs.keep(new)
    outputs.rolesChanged(to: [new], Self.inventory(["a"]))
    let meant = RecordedOutput(role: kept.role, uid: kept.uid, settingsFile: nil, path: kept.path)
    #expect(outputs.recorded.contains(meant))
    rmdir(obstacle)
    outputs.retryFailed()
    #expect(!isThere("gone") && !outputs.recorded.contains(meant))
  }

  /// It was removed 15 minutes after it had been written, without a log line.
  @Test func `a file without a record of its end is reported, once`() throws {
    _ = try leave("kept", of: "a")
    unlink(directory.path(".kept.rolekeeper-expires"))
    start([], [role("a", "kept")], Self.inventory(["a"]))
    outputs.lookAtUnpublished()
    outputs.lookAtUnpublished()
    #expect(lines.count == 1)
    #expect(
      lines[0].hasPrefix("warning: a credential file left by an earlier process has no recorded expiration: it is"))
    #expect(lines[0].contains("path=\(directory.path("kept"))") && lines[0].contains("role=a"))
    #expect(isThere("kept"))
  }
}
