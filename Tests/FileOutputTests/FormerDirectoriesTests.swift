import Core
import Glibc
import Secrets
import TestSupport
import Testing

@testable import FileOutput
@testable import Settings

@Suite struct FormerDirectoriesTests {
  private let directory: TemporaryDirectory
  private let recorder = LogRecorder()
  private let settings: SettingsInForce
  private let former: FormerDirectories

  init() throws {
    directory = try TemporaryDirectory()
    settings = SettingsInForce(filesIn: directory.path("roles"))
    former = try FormerDirectories(
      scheduler: VirtualScheduler(wallSeconds: Int64(time(nil))), settings: settings,
      log: recorder.log)
  }

  private func leave(_ role: String, until end: Int) throws {
    let name = OutputName("a")!
    let file = OutputFile(.inRoleDirectory(name), uid: geteuid(), gid: getegid(), mode: 0o400)
    var written = RoleDirectory(parent: directory.path("roles"), role: role, [(name, file)])
    let text = Secret(copying: Array("text".utf8).span)
    _ = try written.write([SealedContent(text, version: 1)], until: end)
  }

  private func withFile(_ name: String) -> RoleSettings {
    var role = RoleSettings.named(name)
    role.outputs = [.init(location: .roleDirectory(name: "a"), format: .known(.json), uid: 0, gid: 0, mode: 0o400)]
    return role
  }

  /// `recorded` is the settings file that named each role in the earlier process.
  private func start(
    _ roles: [RoleSettings], _ inventory: SettingsInventory? = nil, recorded: [String: String] = [:]
  ) {
    settings.change(to: roles, inventory ?? Self.inventory([(Self.main, roles)]))
    former.remove(
      in: directory.path("roles"),
      recorded: recorded.map { RecordedDirectory(role: RoleName($0.key)!, settingsFile: $0.value) })
  }

  private func change(to place: String, _ roles: [RoleSettings], allowsRemoval: Bool = false) {
    settings.change(to: roles, Self.inventory([(Self.main, roles)]), filesIn: place)
    former.settingsChanged(allowsRemoval: allowsRemoval)
  }

  private static let main = "/etc/rolekeeper/rolekeeper.toml"
  private static let extra = "/etc/rolekeeper/roles.d/extra.toml"

  private static func inventory(
    _ files: [(path: String, roles: [RoleSettings])], endsInLineFeed: Bool = true
  ) -> SettingsInventory {
    SettingsInventory(
      files: files.map {
        .init(path: $0.path, roles: $0.roles.map(\.name), endsInLineFeed: endsInLineFeed, lastTable: nil)
      })
  }

  private func isThere(_ role: String) -> Bool { access(directory.path("roles/\(role)"), F_OK) == 0 }

  /// The timer wasn't armed again then, and the leftovers stayed past their end.
  @Test func `one directory that can't be removed doesn't keep the others from being removed at their end`() throws {
    try leave("damaged", until: 100)
    try leave("valid", until: time(nil) + 3600)
    mkdir(directory.path("roles/damaged/gen-1/x"), 0o755)
    start([])
    #expect(former.isArmed && isThere("valid"))
    #expect(
      recorder.all.contains {
        $0.hasPrefix("error: can't remove credential files that the settings no longer name, trying again")
      })
    change(to: directory.path("roles"), [RoleSettings.named("other")])
    #expect(!isThere("valid"))
  }

  /// The old directory was forgotten.
  @Test func `leftover directories are removed also after the settings name another parent`() throws {
    try leave("valid", until: time(nil) + 3600)
    start([])
    change(to: directory.path("elsewhere"), [])
    #expect(former.isArmed && isThere("valid"))
    change(to: directory.path("elsewhere"), [withFile("valid")])
    #expect(!former.isArmed && !isThere("valid"))
  }

  @Test func `a directory in use isn't removed when it is checked again`() throws {
    try leave("valid", until: time(nil) + 3600)
    start([])
    change(to: directory.path("roles"), [withFile("valid")])
    former.look()
    #expect(isThere("valid") && !former.isArmed)
  }

  /// They were removed at once, without a log line, although a file in another place was kept.
  @Test func `files of a role that has lost all its files stay until their session ends`() throws {
    try leave("cut", until: time(nil) + 3600)
    try leave("lapsed", until: 100)
    start([RoleSettings.named("cut"), RoleSettings.named("lapsed")])
    #expect(isThere("cut") && !isThere("lapsed") && former.isArmed)
    #expect(former.retentionReasons == [.roleLostFiles(try #require(RoleName("cut")))], "for health")
    let phrase = "warning: credential files that the settings no longer name stay until their sessions expire"
    let lines = recorder.all.filter { $0.hasPrefix(phrase) }
    #expect(lines.count == 1 && lines[0].contains("role 'cut' has lost all its files"))
    #expect(lines[0].contains("role=cut") && lines[0].contains("rolekeeper reload --allow-removal"))
    former.look()
    #expect(recorder.all.count { $0.hasPrefix(phrase) } == 1)
    // A reload of the same, and one that allows removal.
    change(to: directory.path("roles"), [RoleSettings.named("cut")])
    #expect(isThere("cut"))
    change(to: directory.path("roles"), [RoleSettings.named("cut")], allowsRemoval: true)
    #expect(!isThere("cut") && !former.isArmed && former.retentionReasons.isEmpty)
    #expect(recorder.all.contains { $0.hasPrefix("notice: removed credential files") && $0.contains("role=cut") })
  }

  @Test func `without roles one line names the roles whose files stay`() throws {
    for name in ["b", "a"] { try leave(name, until: time(nil) + 3600) }
    start([])
    #expect(recorder.all.count == 1 && recorder.all[0].contains("reason=the settings have no role"))
    #expect(recorder.all[0].contains("role=a, b"))
  }

  @Test(arguments: [
    // The file that named it still exists and has no role any more.
    (file: extra, extraRoles: [] as [String], endsInLineFeed: true, stays: true),
    // It has another role.
    (file: extra, extraRoles: ["other"], endsInLineFeed: true, stays: false),
    (file: extra, extraRoles: ["other"], endsInLineFeed: false, stays: true),
    // It was named by another file, which was deleted.
    (file: "/etc/rolekeeper/roles.d/gone.toml", extraRoles: [], endsInLineFeed: false, stays: false),
  ])
  func `a removed role's files stay if its settings file looks cut off`(
    _ row: (file: String, extraRoles: [String], endsInLineFeed: Bool, stays: Bool)
  ) throws {
    try leave("gone", until: time(nil) + 3600)
    let (roles, others) = ([withFile("kept")], row.extraRoles.map { withFile($0) })
    start(
      roles + others,
      Self.inventory([(Self.main, roles), (Self.extra, others)], endsInLineFeed: row.endsInLineFeed),
      recorded: ["gone": row.file])
    #expect(isThere("gone") == row.stays)
    #expect(former.recorded.map(\.role.description) == (row.stays ? ["gone"] : []), "for the next process")
  }
}
