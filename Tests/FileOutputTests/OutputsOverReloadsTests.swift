import Core
import Logs
import TestSupport
import Testing
import Wire

@testable import FileOutput
@testable import Settings

/// The files when other settings are put in force, at a start or by a reload, and an earlier process's files.
@Suite struct OutputsOverReloadsTests {
  private static let main = "/etc/rolekeeper/rolekeeper.toml"

  private let bench: OutputsBench
  private var outputs: Outputs { bench.outputs }
  private var disk: FakeDisk { bench.disk }

  init() throws { bench = try OutputsBench() }

  private func inventory(_ roles: [RoleSettings], endsInLineFeed: Bool = true) -> SettingsInventory {
    SettingsInventory(
      files: [
        .init(
          path: Self.main, roles: roles.map(\.name), endsInLineFeed: endsInLineFeed, lastTable: nil)
      ])
  }

  // MARK: - Roles and files that a reload takes out

  @Test func `the files of a removed role are deleted once all roles have changed`() {
    let web = bench.begin("web", ["/run/app/c", "a"])
    outputs.forget(web.name)
    #expect(disk["/run/app/c"] != nil && disk["/run/roles/web"] != nil)
    outputs.rolesChanged(to: [])
    #expect(disk["/run/app/c"] == nil && disk["/run/roles/web"] == nil && outputs.recorded.isEmpty)
  }

  @Test func `a removal that fails is reported once, recorded, and tried again every ten seconds`() {
    let web = bench.begin("web", ["/run/app/c"])
    disk.failRemoval("/run/app/c")
    outputs.forget(web.name)
    outputs.rolesChanged(to: [])
    #expect(bench.count(.fileNotRemoved) == 1)
    #expect(outputs.recorded.map { "\($0.path)" } == ["/run/app/c"])
    bench.advance(25)
    #expect(bench.lines.count == 1)
    disk.failRemoval("/run/app/c", nil)
    bench.advance(10)
    #expect(disk["/run/app/c"] == nil && outputs.recorded.isEmpty)
  }

  @Test func `a path in use again isn't removed by a retry`() {
    let web = bench.begin("web", ["/run/app/c"])
    disk.failRemoval("/run/app/c")
    outputs.forget(web.name)
    outputs.rolesChanged(to: [])
    disk.failRemoval("/run/app/c", nil)
    outputs.keep(web.settings)
    outputs.publish(web)
    outputs.rolesChanged(to: [web.settings])
    bench.advance(30)
    #expect(disk["/run/app/c"]?.generation == 1 && outputs.recorded.map(\.role) == [web.name])
  }

  @Test(arguments: [["a", "b"], ["b", "a"]])
  func `a file that moves from one role to another stays`(_ order: [String]) {
    let roles = ["a": bench.begin("a", ["/run/app/c"]), "b": bench.begin("b", ["/run/app/d"])]
    let new = [
      "a": OutputsBench.role("a", ["/run/app/e"]), "b": OutputsBench.role("b", ["/run/app/c"]),
    ]
    for name in order {
      outputs.keep(new[name]!)
      outputs.publish(roles[name]!.current, of: roles[name]!.name)
    }
    outputs.rolesChanged(to: Array(new.values))
    #expect(disk["/run/app/c"] != nil && disk["/run/app/e"] != nil && disk["/run/app/d"] == nil)
    #expect(!bench.orders.contains("remove /run/app/c"))
    // The content is its own: it stays though the next write fails.
    disk.fail("/run/app/c")
    bench.rotate(roles["b"]!)
    #expect(disk["/run/app/c"] != nil)
  }

  @Test
  func `a file moved to a role without a session doesn't keep the other role's credential`() {
    bench.begin("a", ["/run/app/c"])
    bench.leave("/run/app/own", for: 3600)
    let new = [
      OutputsBench.role("a", ["/run/app/d"]),
      OutputsBench.role("b", ["/run/app/own", "/run/app/c"]),
    ]
    for role in new { outputs.keep(role) }
    outputs.rolesChanged(to: new)
    #expect(disk["/run/app/c"] == nil && disk["/run/app/d"] != nil && disk["/run/app/own"] != nil)
  }

  @Test func `another role's credential is also removed if the new owner's can't be written`() {
    bench.begin("a", ["/run/app/c"])
    bench.begin("b", ["/run/app/d"])
    disk.fail("/run/app/c")
    let new = [bench.keep("b", ["/run/app/d", "/run/app/c"]), bench.keep("a", ["/run/app/e"])]
    outputs.rolesChanged(to: new)
    #expect(disk["/run/app/c"] == nil)
  }

  @Test func `a file taken out of a role is removed, and the others are left alone`() {
    let web = bench.begin("web", ["/run/app/c", "/run/app/d"])
    let new = bench.keep("web", ["/run/app/c"])
    disk.forgetOrders()
    outputs.rolesChanged(to: [new])
    #expect(bench.orders == ["remove /run/app/d"] && disk["/run/app/c"]?.generation == web.generation)
  }

  @Test func `a role's directory is removed when its last file is taken out`() {
    bench.begin("web", ["/run/app/c", "a"])
    let new = bench.keep("web", ["/run/app/c"])
    outputs.rolesChanged(to: [new])
    #expect(disk["/run/roles/web"] == nil && disk["/run/app/c"] != nil)
  }

  @Test func `a file that couldn't be written isn't removed either`() {
    disk.fail("/run/app/c")
    let web = bench.begin("web", ["/run/app/c"])
    outputs.forget(web.name)
    disk.forgetOrders()
    outputs.rolesChanged(to: [])
    #expect(bench.orders.isEmpty)
  }

  // MARK: - The same role with other settings

  @Test func `a file that a reload adds is written at once`() {
    bench.begin("web", ["/run/app/c"])
    bench.keep("web", ["/run/app/c", "/run/app/d"])
    #expect(disk["/run/app/d"]?.generation == 1)
  }

  @Test
  func
    `sessions of a changed role are removed from the files until there is another one`()
  {
    let web = bench.begin("web", ["/run/app/c"])
    var narrower = web.settings
    narrower.policy = Array("{}".utf8)
    disk.failRemoval("/run/app/c")
    outputs.keep(narrower)
    outputs.rolesChanged(to: [narrower])
    #expect(bench.failing == ["web"] && disk["/run/app/c"] != nil)
    // Another reload before the first one's removal has succeeded.
    narrower.outputs += OutputsBench.role("web", ["/run/app/d"]).outputs
    outputs.keep(narrower)
    outputs.rolesChanged(to: [narrower])
    disk.failRemoval("/run/app/c", nil)
    bench.advance(10)
    #expect(disk["/run/app/c"] == nil && bench.failing.isEmpty)
  }

  @Test(arguments: [0o400, 0o444] as [UInt32])
  func `a file with wider access than the settings is removed if it can't be rewritten`(
    _ mode: UInt32
  ) {
    let web = bench.begin("web", ["/run/app/c", "a"], mode: 0o440)
    for path in ["/run/app/c", "/run/roles/web"] { disk.fail(path) }
    bench.keep("web", ["/run/app/c", "a"], mode: mode)
    for path in ["/run/app/c", "/run/roles/web"] {
      #expect((disk[path] == nil) == (mode == 0o400), "\(path)")
    }
    #expect(
      bench.count(.outdatedFileRemoved)
        == (mode == 0o400 ? 2 : 0)
    )
    for path in ["/run/app/c", "/run/roles/web"] { disk.fail(path, nil) }
    bench.advance(10)
    #expect(disk["/run/app/c"]?.generation == web.generation)
    // Content written since is for the readers that the settings name.
    disk.fail("/run/app/c")
    bench.rotate(web)
    #expect(disk["/run/app/c"] != nil)
  }

  @Test func `a file with narrower access stays if the next one can't be written`() {
    let web = bench.begin("web", ["/run/app/c"], mode: 0o440)
    bench.keep("web", ["/run/app/c"], mode: 0o400)
    disk.fail("/run/app/c")
    bench.rotate(web)
    #expect(disk["/run/app/c"] != nil)
  }

  @Test func `the removal of a too widely readable file is retried over reloads until it succeeds`() {
    bench.begin("web", ["/run/app/c"], mode: 0o440)
    disk.fail("/run/app/c")
    disk.failRemoval("/run/app/c")
    bench.keep("web", ["/run/app/c"])
    bench.keep("web", ["/run/app/c", "/run/app/d"])
    disk.failRemoval("/run/app/c", nil)
    bench.advance(60)
    #expect(disk["/run/app/c"] == nil && bench.count(.outdatedFileRemoved) == 1)
  }

  @Test func `a condemned session is remembered over a reload`() {
    let web = bench.begin("web", ["/run/app/c"])
    disk.fail("/run/app/c")
    disk.failRemoval("/run/app/c")
    let old = bench.rotate(web)
    outputs.condemn(old, of: web.name)
    bench.keep("web", ["/run/app/c", "/run/app/d"])
    disk.failRemoval("/run/app/c", nil)
    bench.advance(10)
    #expect(disk["/run/app/c"] == nil && bench.count(.condemnedFileRemoved) == 1)
  }

  @Test func `when the roles' directory moves, the old one's files are removed`() {
    let web = bench.begin("web", ["a"])
    outputs.move(to: "/run/other")
    #expect(disk["/run/other/web"]?.generation == 1 && disk["/run/roles/web"] != nil)
    outputs.rolesChanged(to: [web.settings])
    #expect(disk["/run/roles/web"] == nil && disk["/run/other/web"] != nil)
  }

  @Test func `a reload notices newly mounted file systems`() {
    let web = bench.begin("web", ["/srv/c"])
    bench.drain()
    bench.mounts.inMemory.append("/srv")
    outputs.move()
    outputs.keep(web.settings)
    bench.rotate(web)
    #expect(outputs.areAtRest && disk["/srv/c"]?.generation == 2)
  }

  @Test func `a write ordered before a reload isn't carried out after it`() {
    bench.begin("web", ["/srv/c", "/srv/d"])
    for _ in 1...20 { bench.keep("web", ["/srv/c"]) }
    bench.drain()
    #expect(bench.orders == ["write /srv/c"])
  }

  // MARK: - An earlier process's content in current files

  @Test func `an earlier process's file is valid until it lapses, and removed within a second`() {
    bench.leave("/run/app/c", for: 100)
    bench.keep("web", ["/run/app/c"])
    #expect(bench.statuses("web").map(\.content) == [.unknown])
    bench.advance(1)
    #expect(
      bench.statuses("web").map(\.content) == [.valid]
        && bench.statuses("web").map(\.generation) == [7])
    bench.advance(83)
    #expect(disk["/run/app/c"] != nil)
    bench.advance(2)
    #expect(disk["/run/app/c"] == nil && bench.statuses("web").map(\.content) == [.none])
  }

  @Test func `of many such roles 256 are checked each second`() {
    for number in 1...300 { bench.keep("r\(number)", ["/run/app/\(number)"]) }
    bench.advance(1)
    #expect(bench.orders.count == 256)
    bench.advance(1)
    #expect(Set(bench.orders).count == 300)
  }

  @Test func `a role with its own session isn't checked for an earlier process's files any more`() {
    bench.leave("/run/app/c", for: 20)
    bench.begin("web", ["/run/app/c"])
    disk.forgetOrders()
    bench.advance(59)
    #expect(
      !bench.orders.contains { $0.hasPrefix("withdrawEnded") } && disk["/run/app/c"]?.generation == 1)
  }

  @Test func `an earlier process's file is removed as it lapses if nothing new can be written`() {
    bench.leave("/run/app/c", for: 100)
    disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    bench.advance(84)
    #expect(disk["/run/app/c"] != nil && bench.statuses("web").map(\.content) == [.valid])
    bench.advance(10)
    #expect(disk["/run/app/c"] == nil && bench.count(.lapsedFileRemoved) == 1)
  }

  @Test func `an earlier process's file is removed once no session is valid`() {
    bench.leave("/run/app/c", for: 3600)
    let web = bench.keep("web", ["/run/app/c"])
    outputs.withdraw(web.name)
    #expect(disk["/run/app/c"] == nil)
  }

  @Test func `a presumed end is reported once, and so is each access that was fixed`() {
    bench.leave("/run/app/c", for: 900, hasRecord: false)
    bench.keep("web", ["/run/app/c", "/run/app/d"])
    disk.fix("/run/app/c", isRemoved: false)
    disk.fix("/run/app/d", isRemoved: true)
    bench.advance(5)
    #expect(
      bench.count(.presumedEnd) == 1)
    #expect(bench.count(.earlierFileReplaced) == 1)
    #expect(
      bench.count(.earlierFileRemoved) == 1 && bench.lines.count == 3)
  }

  @Test func `a file that can't be examined is reported if an earlier process wrote it`()
    throws
  {
    bench.leave("/run/app/c", for: 100)
    disk.failRemoval("/run/app/c")
    disk.failRemoval("/run/app/nowhere")
    bench.leave("/run/app/nowhere", for: 100, isOurs: false)
    let web = bench.keep("web", ["/run/app/c", "/run/app/nowhere"])
    bench.advance(5)
    #expect(bench.lines.count == 1 && bench.count(.earlierFileNotChecked) == 1)
    #expect(bench.orders.count { $0 == "withdrawEnded /run/app/c" } == 2, "left to its retries")
    #expect(outputs.unwritten == [web.name: [.elsewhere(path: "/run/app/nowhere")]])
    #expect(bench.statuses("web").map(\.content) == [.valid, .unknown])
    bench.advance(100)
    #expect(bench.statuses("web").map(\.content) == [.none, .unknown], "it has ended, though it is still there")
  }

  @Test func `a role continues above the generation that an earlier process left`() {
    bench.leave("/run/roles/web", for: 100, generation: 41)
    #expect(outputs.snapshotNumber(of: OutputsBench.role("web", ["a"])) == 41)
    #expect(outputs.snapshotNumber(of: OutputsBench.role("other", ["a"])) == 0)
  }

  // MARK: - Files that the settings no longer name

  private func recorded(_ path: String, of role: String = "web", isWritten: Bool = true)
    -> RecordedOutput
  {
    RecordedOutput(
      role: RoleName(role)!, uid: 1, settingsFile: Self.main, path: OutputPath(path)!,
      isWritten: isWritten)
  }

  /// A start with these roles, of which none has a session yet.
  private func start(
    _ roles: [RoleSettings], _ recorded: [RecordedOutput], endsInLineFeed: Bool = true
  ) {
    for role in roles { outputs.keep(role) }
    outputs.takeOver(recorded, from: roles, inventory(roles, endsInLineFeed: endsInLineFeed))
  }

  @Test func `a file that the settings no longer name is removed at the start`() {
    bench.leave("/run/app/gone", for: 3600)
    bench.leave("/run/app/kept", for: 3600)
    start(
      [OutputsBench.role("web", ["/run/app/kept"])],
      [recorded("/run/app/gone"), recorded("/run/app/kept")])
    #expect(disk["/run/app/gone"] == nil && disk["/run/app/kept"] != nil)
    #expect(
      bench.lines.count == 1
        && bench.count(.formerFileRemoved) == 1)
    #expect(outputs.recorded.map { "\($0.path)" } == ["/run/app/kept"])
  }

  @Test func `a file that is already gone is forgotten without a message`() {
    start([OutputsBench.role("web", ["/run/app/kept"])], [recorded("/run/app/gone")])
    #expect(bench.lines.isEmpty && outputs.recorded.map { "\($0.path)" } == ["/run/app/kept"])
  }

  @Test func `an earlier process's file counts as written until it is known to be missing`() {
    bench.leave("/run/app/kept", for: 3600, isOurs: false)
    disk.failRemoval("/run/app/kept")
    start([OutputsBench.role("web", ["/run/app/kept"])], [recorded("/run/app/kept")])
    bench.keep("web", ["/run/app/kept", "/run/app/other"])
    #expect(outputs.recorded.map(\.isWritten) == [true, false])
    bench.advance(1)
    #expect(outputs.recorded.map(\.isWritten) == [true, false])
    #expect(bench.count(.earlierFileNotChecked) == 1)
    disk["/run/app/kept"] = nil
    disk.failRemoval("/run/app/kept", nil)
    bench.advance(10)
    #expect(outputs.recorded.map(\.isWritten) == [false, false])
  }

  @Test
  func `with truncated-looking settings it stays until its session ends, and is removed within a minute`() {
    bench.leave("/run/app/gone", for: 100)
    start([], [recorded("/run/app/gone")])
    #expect(
      bench.count(.formerFileStays) == 1)
    #expect(outputs.retentionReasons == [.noRoles])
    bench.advance(99)
    #expect(disk["/run/app/gone"] != nil && bench.lines.count == 1)
    bench.advance(60)
    #expect(
      disk["/run/app/gone"] == nil && outputs.retentionReasons.isEmpty && outputs.recorded.isEmpty)
    #expect(bench.scheduler.nextDeadline == nil)
  }

  @Test func `a reload that allows removal removes retained files`() {
    bench.leave("/run/app/gone", for: 3600)
    start([], [recorded("/run/app/gone")])
    outputs.rolesChanged(to: [], inventory([]))
    #expect(disk["/run/app/gone"] != nil)
    outputs.rolesChanged(to: [], inventory([]), allowsRemoval: true)
    #expect(disk["/run/app/gone"] == nil)
  }

  @Test func `a file that the settings name again is its role's again`() {
    bench.leave("/run/app/gone", for: 3600)
    start([], [recorded("/run/app/gone")])
    let web = bench.keep("web", ["/run/app/gone"])
    outputs.rolesChanged(to: [web], inventory([web]))
    #expect(disk["/run/app/gone"] != nil && outputs.recorded.map(\.isWritten) == [true])
    #expect(outputs.retentionReasons.isEmpty)
  }

  @Test func `a file that now belongs to another role doesn't keep the earlier role's credential`() {
    bench.leave("/run/app/moved", for: 3600)
    bench.leave("/run/app/same", for: 3600)
    start(
      [
        OutputsBench.role("a", ["/run/app/e"]),
        OutputsBench.role("b", ["/run/app/moved", "/run/app/same"]),
      ],
      [recorded("/run/app/moved", of: "a"), recorded("/run/app/same", of: "b")])
    #expect(disk["/run/app/moved"] == nil && disk["/run/app/same"] != nil)
  }

  @Test func `a file that somebody else put there stays, and is reported once`() {
    bench.leave("/run/app/gone", for: 3600, isOurs: false)
    start([OutputsBench.role("web", ["/run/app/c"])], [recorded("/run/app/gone")])
    bench.advance(120)
    #expect(disk["/run/app/gone"] != nil && bench.lines.count == 1)
    #expect(
      bench.count(.formerFileNotOurs)
        == 1)
    #expect(!outputs.recorded.map { "\($0.path)" }.contains("/run/app/gone"))
  }

  @Test
  func
    `a failed removal is reported once and retried each minute, and paths without a file aren't reported`()
  {
    for name in ["gone", "planned"] {
      bench.leave("/run/app/\(name)", for: 3600)
      disk.failRemoval("/run/app/\(name)")
    }
    start(
      [OutputsBench.role("web", ["/run/app/c"])],
      [recorded("/run/app/gone"), recorded("/run/app/planned", isWritten: false)])
    bench.advance(150)
    #expect(bench.lines.count == 1 && bench.count(.formerFileNotRemoved) == 1)
    #expect(bench.orders.count { $0 == "removeFormer /run/app/gone" } == 3)
    #expect(bench.orders.count { $0 == "removeFormer /run/app/planned" } == 1)
    disk.failRemoval("/run/app/gone", nil)
    bench.advance(60)
    #expect(disk["/run/app/gone"] == nil)
  }

  @Test func `a removal already given to a disk isn't ordered again`() {
    bench.leave("/srv/gone", for: 3600)
    start([OutputsBench.role("web", ["/run/app/c"])], [recorded("/srv/gone")])
    bench.advance(180)
    bench.drain()
    #expect(bench.orders.count { $0 == "removeFormer /srv/gone" } == 1 && disk["/srv/gone"] == nil)
  }

  // MARK: - Directories of roles that are gone

  private func abandon(_ roles: [RoleSettings], _ recorded: [RecordedDirectory] = []) throws {
    try outputs.removeFormerDirectories(keeping: roles, inventory(roles), recorded: recorded)
  }

  @Test func `a removed role's directory is deleted at the start, and those in use stay`()
    throws
  {
    for name in ["gone", "web"] { bench.leave("/run/roles/\(name)", for: 3600) }
    try abandon([OutputsBench.role("web", ["a"])])
    #expect(disk["/run/roles/gone"] == nil && disk["/run/roles/web"] != nil)
    #expect(
      bench.lines.count == 1
        && bench.count(.abandonedFilesRemoved) == 1)
    #expect(bench.scheduler.nextDeadline == nil)
  }

  @Test func `with truncated-looking settings directories stay until their sessions end`() throws {
    for (name, life) in [("soon", 100), ("late", 3600)] {
      bench.leave("/run/roles/\(name)", for: life)
    }
    try abandon([])
    #expect(
      bench.lines.count == 1 && bench.count("role=late, soon") == 1
        && outputs.retentionReasons == [.noRoles])
    bench.advance(180)
    #expect(
      disk["/run/roles/soon"] == nil && disk["/run/roles/late"] != nil && bench.lines.count == 1)
    outputs.rolesChanged(to: [], inventory([]), allowsRemoval: true)
    #expect(
      disk["/run/roles/late"] == nil && outputs.retentionReasons.isEmpty
        && bench.scheduler.nextDeadline == nil)
  }

  @Test func `a directory that can't be removed is reported once, and tried each minute`() throws {
    bench.leave("/run/roles/gone", for: 3600)
    disk.failRemoval("/run/roles/gone")
    try abandon([OutputsBench.role("web", ["a"])])
    bench.advance(150)
    #expect(
      bench.lines.count == 1
        && bench.count(.abandonedFilesNotRemoved) == 1)
    disk.failRemoval("/run/roles/gone", nil)
    bench.advance(60)
    #expect(disk["/run/roles/gone"] == nil && bench.scheduler.nextDeadline == nil)
  }

  @Test func `the presumed end of a directory is reported once`() throws {
    bench.leave("/run/roles/gone", for: 900, hasRecord: false)
    try abandon([])
    bench.advance(300)
    #expect(bench.count(.presumedEnd) == 1)
  }

  @Test func `a directory that the settings no longer name is cleared, and what stays is recorded`()
    throws
  {
    bench.leave("/run/former/web", for: 3600)
    let former = RecordedDirectory(
      role: RoleName("web")!, settingsFile: Self.main, parent: "/run/former")
    try abandon([], [former])
    #expect(disk["/run/former/web"] != nil && outputs.recordedDirectories.contains(former))
    let web = bench.begin("web", ["a"]).settings
    outputs.rolesChanged(to: [web], inventory([web]))
    #expect(disk["/run/former/web"] == nil)
    #expect(outputs.recordedDirectories.map(\.parent) == ["/run/roles"])
  }
}
