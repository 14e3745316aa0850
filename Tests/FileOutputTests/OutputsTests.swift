import Core
import Glibc
import Synchronization
import Systemd
import TestSupport
import Testing
import Wire

@testable import FileOutput
@testable import Settings

/// Which files are removed, and which aren't, when settings change, sessions are condemned and disks fail. Everything happens by
/// the test's steps: the loop isn't turned.
@Suite struct OutputsTests {
  private let directory: TemporaryDirectory
  private let scheduler: VirtualScheduler
  private let recorder = LogRecorder()
  private let clock = WriterClock()
  private let writer: FileWriter

  /// A clock in microseconds; the writer's thread reads it, too.
  final class WriterClock: Sendable {
    private let time = Mutex<Int64>(0)

    var now: Int64 { time.withLock { $0 } }

    func advance(_ microseconds: Int64) { time.withLock { $0 += microseconds } }
  }

  init() throws {
    directory = try TemporaryDirectory()
    // Files expire by the host's clock.
    scheduler = VirtualScheduler(wallSeconds: Int64(Glibc.time(nil)))
    writer = try FileWriter { [clock] in clock.now }
    mkdir(directory.path("app"), 0o755)
  }

  /// `another` is another process's writer; one loop watches each only once.
  private func outputs(inMemory: Bool = true, in place: String = "roles", by another: FileWriter? = nil) throws
    -> Outputs
  {
    let mounts = MountTable(inMemory ? "1 0 0:1 / \(directory.path) rw - tmpfs tmpfs rw" : "")
    return try Outputs(
      scheduler: scheduler, settings: SettingsInForce(filesIn: directory.path(place)),
      log: recorder.log,
      writer: another ?? writer, mounts: { mounts })
  }

  private func elsewhere(_ name: String, mode: UInt32 = 0o400) -> OutputSettings {
    OutputSettings(
      location: .elsewhere(path: directory.path("app/\(name)")), format: .known(.json), uid: geteuid(), gid: getegid(),
      mode: mode)
  }

  private func inRole(_ name: String, mode: UInt32 = 0o400) -> OutputSettings {
    OutputSettings(
      location: .roleDirectory(name: name), format: .known(.json), uid: geteuid(), gid: getegid(), mode: mode)
  }

  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return stat(directory.path(path), &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  private func role(_ name: String, _ files: [OutputSettings]) -> RoleSettings {
    var role = RoleSettings.named(name)
    role.outputs = files
    return role
  }

  /// A role with a session, whose files are written.
  private func begin(_ outputs: Outputs, _ name: String, _ files: [OutputSettings]) throws
    -> FakeRole
  {
    outputs.keep(role(name, files))
    let kept = FakeRole(role(name, files), scheduler)
    outputs.publish(kept)
    return kept
  }

  /// Publishes the role's next session; returns the one before.
  private func rotate(_ outputs: Outputs, _ role: FakeRole) throws -> Session {
    scheduler.time = scheduler.time + .seconds(2)
    let before = try #require(role.issue())
    outputs.publish(role)
    return before
  }

  private func text(_ path: String) -> String? { FileText.read(directory.path(path)) }

  /// Whether the file holds the role's current session.
  private func holds(_ path: String, _ role: FakeRole) -> Bool {
    role.current.map { text(path)?.contains("\"\($0.session.accessKeyID)\"") == true } ?? false
  }

  private func drain(until isDone: () -> Bool) throws {
    while !isDone() {
      var waiting = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
      try #require(poll(&waiting, 1, 20_000) == 1)
      writer.drain()
    }
  }

  private func logged(_ phrase: String) -> Bool { recorder.all.contains { $0.contains(phrase) } }

  /// After a restart during an outage the status reported the files as empty, although their credentials were valid for another
  /// hour.
  @Test func `an earlier process's content is reported until it is replaced`() throws {
    let files = [inRole("a"), elsewhere("b")]
    let old = try begin(try outputs(), "web", files)
    let session = try #require(old.current?.session)
    let clock = ServerClock(
      wallMicroseconds: Int64(Glibc.time(nil)) * 1_000_000, at: scheduler.time)
    let next = try outputs()
    next.keep(role("web", files))
    #expect(next.statuses(of: old.name, clock: clock).map(\.content) == [.unknown, .unknown], "not looked at yet")
    next.lookAtUnpublished()
    for status in next.statuses(of: old.name, clock: clock) {
      #expect(status.generation == old.generation && status.content == .valid, "\(status)")
      let end = try #require(status.expiresAt)
      #expect(end <= session.expiration && end.seconds > Int64(Glibc.time(nil)), "\(status)")
    }
    unlink(directory.path("app/b"))
    next.lookAtUnpublished()
    let after = next.statuses(of: old.name, clock: clock)
    #expect(after.map(\.content) == [.valid, .none] && after[1].generation == nil)
    next.publish(old)
    #expect(
      next.statuses(of: old.name, clock: clock).map(\.expiresAt) == [
        session.expiration, session.expiration,
      ])
  }

  @Test func `a file that can't be written is logged with its path`() throws {
    let outputs = try outputs()
    let role = try begin(outputs, "web", [elsewhere("b")])
    chmod(directory.path("app"), 0o777)
    _ = try rotate(outputs, role)
    #expect(recorder.all.contains { $0.contains("file not written") && $0.contains("path=\(directory.path("app/b"))") })
  }

  @Test func `a file whose format can't hold the credential keeps the old one, and the others are written`() throws {
    let outputs = try outputs()
    var bare = elsewhere("bare")
    bare.format = .known(.envFile)
    let role = try begin(outputs, "web", [elsewhere("b"), bare])
    let first = try #require(role.current?.session)
    #expect(holds("app/b", role) && holds("app/bare", role))
    scheduler.time = scheduler.time + .seconds(2)
    role.issue()
    role.current.unfit = [.known(.envFile)]
    outputs.publish(role)
    #expect(holds("app/b", role) && text("app/bare")?.contains("\"\(first.accessKeyID)\"") == true)
    let lines = recorder.all.filter { $0.contains("file not written") }
    #expect(lines.count == 1 && lines[0].contains("path=\(directory.path("app/bare"))"), "\(lines)")
    #expect(lines.first?.contains("the security token has a character that format 'env-file' can't hold") == true)
    _ = try rotate(outputs, role)
    #expect(holds("app/b", role) && holds("app/bare", role))
  }

  /// Makes the worker's next jobs wait until it is released.
  private final class Hold {
    private let gate = Gate()

    init(_ writer: FileWriter, at path: String) throws {
      let place = try #require(OutputPath(path))
      var file = SingleFile(place, OutputFile(.elsewhere(place), uid: geteuid(), gid: getegid(), mode: 0o400))
      file.calls = Calls { [gate] _, _ in
        gate.pass()
        return 0
      }
      WriteQueue(writer, WriteTarget.file(file), MountTable("")).give(.withdraw) { _ in }
    }

    /// Waits until the worker has reached the first step.
    func awaitBegun() { gate.awaitStep() }

    func release() { gate.open() }
  }

  /// Blocks callers until it is opened. The worker may hold it longer than the test does.
  private final class Gate: Sendable {
    /// Each step takes a byte.
    private let steps: (reading: CInt, writing: CInt)
    /// Gets one byte that releases all steps.
    private let opening: (reading: CInt, writing: CInt)

    init() {
      steps = Self.pipe()
      opening = Self.pipe()
    }

    private static func pipe() -> (reading: CInt, writing: CInt) {
      var ends: [CInt] = [-1, -1]
      Glibc.pipe(&ends)
      return (ends[0], ends[1])
    }

    func pass() {
      var byte: UInt8 = 0
      write(steps.writing, &byte, 1)
      read(opening.reading, &byte, 1)
      write(opening.writing, &byte, 1)
    }

    func awaitStep() {
      var byte: UInt8 = 0
      read(steps.reading, &byte, 1)
    }

    func open() {
      var byte: UInt8 = 0
      write(opening.writing, &byte, 1)
    }

    deinit { for end in [steps.reading, steps.writing, opening.reading, opening.writing] { close(end) } }
  }

  // MARK: - Settings change

  /// The file was removed right after the role that it was moved to had written it.
  @Test(arguments: [["b", "a"], ["a", "b"]])
  func `a file that moves from one role to another in a reload stays`(_ order: [String]) throws {
    let outputs = try outputs()
    let a = try begin(outputs, "a", [elsewhere("c.json"), elsewhere("d.json")])
    let b = try begin(outputs, "b", [elsewhere("e.json")])
    let new = [
      "a": role("a", [elsewhere("d.json")]), "b": role("b", [elsewhere("c.json"), elsewhere("f.json")]),
    ]
    for name in order {
      outputs.keep(try #require(new[name]))
      outputs.publish(name == "a" ? a : b)
    }
    outputs.rolesChanged(to: Array(new.values))
    #expect(holds("app/c.json", b) && holds("app/d.json", a) && holds("app/f.json", b))
    #expect(text("app/e.json") == nil, "what no role has any more is removed")
  }

  /// For example a removed role, whose file another one takes over.
  @Test func `a file of a role that is removed stays where another role has it now`() throws {
    let outputs = try outputs()
    _ = try begin(outputs, "a", [elsewhere("c.json"), inRole("x.json")])
    let b = try begin(outputs, "b", [elsewhere("e.json")])
    outputs.forget(RoleName("a")!)
    let new = role("b", [elsewhere("c.json")])
    outputs.keep(new)
    outputs.publish(b)
    outputs.rolesChanged(to: [new])
    #expect(holds("app/c.json", b) && text("app/e.json") == nil && text("roles/a/x.json") == nil)
  }

  @Test func `a file moved to a role without a session doesn't keep the other role's credential`() throws {
    let outputs = try outputs()
    _ = try begin(outputs, "a", [elsewhere("c.json"), elsewhere("d.json")])
    // An earlier process's file may still be valid.
    try directory.write("an earlier process's", to: "app/own.json")
    let old = role("b", [elsewhere("own.json")])
    outputs.keep(old)
    let new = [
      role("b", [elsewhere("own.json"), elsewhere("c.json")]), role("a", [elsewhere("d.json")]),
    ]
    for role in new { outputs.keep(role) }
    outputs.rolesChanged(to: new)
    #expect(text("app/c.json") == nil && text("app/own.json") != nil && text("app/d.json") != nil)
  }

  /// The retry ten seconds later removed all of the directory that was in use again, over and over.
  @Test(arguments: [true, false])
  func `a path in use again isn't removed by a retry`(_ isDirectory: Bool) throws {
    let outputs = try outputs()
    let file = isDirectory ? inRole("c.json") : elsewhere("c.json")
    let path = isDirectory ? "roles/a/c.json" : "app/c.json"
    let kept = try begin(outputs, "a", [file])
    // A foreign directory makes a removal fail.
    let obstacle = directory.path(isDirectory ? "roles/a/gen-99" : "app/.c.json.rolekeeper-new")
    mkdir(obstacle, 0o755)
    mkdir("\(obstacle)/x", 0o755)
    outputs.forget(kept.name)
    outputs.rolesChanged(to: [])
    try #require(logged("error: can't remove a credential file that a reload took out of the settings, trying again"))
    rmdir("\(obstacle)/x")
    rmdir(obstacle)
    outputs.keep(kept.settings)
    outputs.publish(kept)
    outputs.rolesChanged(to: [kept.settings])
    #expect(holds(path, kept))
    for _ in 1...3 {
      outputs.retryFailed()
      #expect(holds(path, kept))
    }
  }

  @Test func `the roles' directory moves away and back, and no retry removes a file in use`() throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [inRole("c.json")])
    mkdir(directory.path("roles/a/gen-99"), 0o755)
    mkdir(directory.path("roles/a/gen-99/x"), 0o755)
    outputs.move(to: directory.path("other"))
    outputs.rolesChanged(to: [kept.settings])
    #expect(holds("other/a/c.json", kept))
    try #require(logged("error: can't remove a credential file that a reload took out of the settings, trying again"))
    outputs.move(to: directory.path("roles"))
    outputs.rolesChanged(to: [kept.settings])
    outputs.retryFailed()
    #expect(holds("roles/a/c.json", kept) && text("other/a/c.json") == nil)
  }

  /// The file with the session with wider permissions stayed readable until its end.
  @Test func `a withdrawal requested by a reload is retried until it succeeds`() throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    let obstacle = directory.path("app/.c.json.rolekeeper-new")
    mkdir(obstacle, 0o755)
    var narrower = kept.settings
    narrower.policy = Array("{}".utf8)
    outputs.keep(narrower)
    outputs.rolesChanged(to: [narrower])
    #expect(holds("app/c.json", kept) && outputs.failing == [kept.name])
    // Another reload before the first one's removal has succeeded.
    narrower.outputs.append(elsewhere("d.json"))
    outputs.keep(narrower)
    outputs.rolesChanged(to: [narrower])
    #expect(outputs.failing == [kept.name])
    rmdir(obstacle)
    outputs.retryFailed()
    #expect(text("app/c.json") == nil && outputs.failing.isEmpty)
  }

  @Test func `a condemned session whose file couldn't be removed is removed after a reload`() throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    let obstacle = directory.path("app/.c.json.rolekeeper-new")
    mkdir(obstacle, 0o755)
    outputs.withdraw(kept.name)
    outputs.condemn(try #require(kept.current?.session), of: kept.name)
    #expect(holds("app/c.json", kept))
    var changed = kept.settings
    changed.outputs.append(elsewhere("d.json"))
    outputs.keep(changed)
    outputs.rolesChanged(to: [changed])
    rmdir(obstacle)
    outputs.retryFailed()
    #expect(text("app/c.json") == nil)
  }

  /// They stayed for ever, past the end of their session.
  @Test func `files of an earlier process in another directory are known to the next one and removed`() throws {
    let old = try begin(try outputs(), "a", [inRole("c.json")])
    let inventory = SettingsInventory(
      files: [.init(path: "/s", roles: [old.name], endsInLineFeed: true, lastTable: nil)])
    let recorded = [RecordedDirectory(role: old.name, settingsFile: "/s", parent: directory.path("roles"))]
    // As with settings that were truncated, and completed by a reload.
    let next = try outputs(in: "other", by: FileWriter())
    try next.removeFormerDirectories(keeping: [], inventory, recorded: recorded)
    #expect(holds("roles/a/c.json", old) && next.recordedDirectories == recorded)
    next.keep(old.settings)
    next.publish(old)
    next.rolesChanged(to: [old.settings], inventory)
    #expect(mode("roles/a") == nil && holds("other/a/c.json", old))
    #expect(next.recordedDirectories.map(\.parent) == [directory.path("other")])
    // A process that goes back to the old directory.
    let third = try outputs(by: FileWriter())
    try third.removeFormerDirectories(
      keeping: [old.settings], inventory, recorded: next.recordedDirectories)
    #expect(mode("other/a") == nil && third.recordedDirectories.isEmpty)
  }

  // MARK: - Revoked access

  /// The reload reported the file as removed, and its former owner could still read it.
  @Test(arguments: [true, false])
  func `a file that a reload drops leaves nothing in the role's directory`(_ isInMemory: Bool) throws {
    let outputs = try outputs(inMemory: isInMemory)
    let kept = try begin(outputs, "a", [inRole("c.json"), inRole("d.json")])
    try drain { writer.isIdle }
    _ = try rotate(outputs, kept)
    try drain { writer.isIdle }
    let new = role("a", [inRole("c.json")])
    outputs.keep(new)
    outputs.publish(kept)
    outputs.rolesChanged(to: [new])
    try drain { writer.isIdle }
    #expect(holds("roles/a/c.json", kept))
    for generation in ["gen-1", "gen-2"] { #expect(mode("roles/a/\(generation)") == nil) }
  }

  /// It stayed, for users who may no longer read it, until its session ended.
  @Test(arguments: [0o400, 0o444] as [UInt32])
  func `a file with wider access than the settings is removed if it can't be rewritten`(_ new: UInt32) throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [elsewhere("c.json", mode: 0o440), inRole("d.json", mode: 0o440)])
    for place in ["app", "roles"] { chmod(directory.path(place), 0o777) }
    outputs.keep(role("a", [elsewhere("c.json", mode: new), inRole("d.json", mode: new)]))
    outputs.publish(kept)
    try #require(logged("error: credential file not written, keeping the existing one"))
    for path in ["app/c.json", "roles/a/d.json"] { #expect(holds(path, kept) == (new == 0o444), "\(path)") }
    #expect(logged("removed a credential file that doesn't match the new settings") == (new == 0o400))
    let failures = recorder.all.filter { $0.hasPrefix("error: credential file not written") }
    #expect(failures.count == 2, "once each: \(recorder.all)")
  }

  /// Until STS answered again, the earlier settings' readers could still read it, and the status reported that all was well.
  @Test func `an earlier process's files are closed to readers that the settings no longer name`() throws {
    let files = [
      inRole("a", mode: 0o440), elsewhere("b", mode: 0o440), inRole("dropped", mode: 0o440),
    ]
    let old = try begin(try outputs(), "web", files)
    let next = try outputs()
    next.keep(role("web", [inRole("a"), elsewhere("b")]))
    next.lookAtUnpublished()
    for path in ["roles/web/a", "app/b"] { #expect(holds(path, old) && mode(path) == 0o400, "\(path)") }
    #expect(mode("roles/web/gen-1") == nil && mode("roles/web/dropped") == nil)
    for name in ["roles/web/a", "app/b"] {
      #expect(
        recorder.all.contains {
          $0.contains("left by an earlier process didn't match the settings, corrected") && $0.contains(name)
            && $0.contains("mode 0440 instead of 0400")
        }, "\(recorder.all)")
    }
    #expect(
      recorder.all.contains {
        $0.contains("left by an earlier process didn't match the settings, removed") && $0.contains("roles/web/dropped")
      })
    let clock = ServerClock(wallMicroseconds: Int64(Glibc.time(nil)) * 1_000_000, at: scheduler.time)
    #expect(next.statuses(of: old.name, clock: clock).map(\.content) == [.valid, .valid])
    let count = recorder.all.count
    next.lookAtUnpublished()
    #expect(recorder.all.count == count, "once")
    // A reload during the outage.
    next.keep(role("web", [elsewhere("b")]))
    next.rolesChanged(to: [role("web", [elsewhere("b")])])
    next.lookAtUnpublished()
    #expect(mode("roles/web") == nil && holds("app/b", old))
  }

  // MARK: - Reports of the present content

  /// Status and metrics showed the generation that was written before.
  @Test(.enabled(if: geteuid() == 0))
  func `a directory in a role's place isn't reported to hold its credential`() throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [inRole("c.json")])
    let path = directory.path("roles/a")
    rename(path, directory.path("away"))
    mkdir(path, 0o711)
    chown(path, 99, 99)
    func status() throws -> OutputStatus {
      outputs.publish(kept)
      return try #require(outputs.statuses(of: kept.name, clock: kept.clock).first)
    }
    let empty = try status()
    #expect(empty.content == .none && empty.generation == nil && empty.expiresAt == nil)
    #expect(empty.lastError?.contains("put in place of the daemon's") == true, "\(empty)")
    mkdir("\(path)/gen-1", 0o711)
    symlink("gen-1", "\(path)/current")
    try directory.write("evil", to: "roles/a/gen-1/c.json")
    chown("\(path)/gen-1", 99, 99)
    let planted = try status()
    #expect(planted.content == .unknown && planted.generation == nil && planted.expiresAt == nil)
    rename(path, directory.path("planted"))
    let right = try status()
    #expect(right.content == .valid && right.generation == kept.generation && right.lastError == nil)
  }

  @Test func `a replaced file that can't be rewritten isn't reported as the daemon's`() throws {
    let outputs = try outputs()
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    unlink(directory.path("app/c.json"))
    try directory.write("somebody's", to: "app/c.json")
    chmod(directory.path("app"), 0o777)
    outputs.publish(kept)
    let status = try #require(outputs.statuses(of: kept.name, clock: kept.clock).first)
    #expect(status.content == .unknown && status.generation == nil && status.lastError != nil)
  }

  // MARK: - Newer content on its way

  /// When the disk answered, the new file was written and then removed.
  @Test func `condemning a session while the next one hangs on a disk leaves the file alone`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    try drain { writer.isIdle }
    let hold = try Hold(writer, at: directory.path("held"))
    hold.awaitBegun()
    let old = try rotate(outputs, kept)
    clock.advance(11_000_000)
    outputs.reportStuck()
    try #require(outputs.failing == [kept.name])
    outputs.condemn(old, of: kept.name)
    hold.release()
    try drain { writer.isIdle }
    #expect(holds("app/c.json", kept) && outputs.failing.isEmpty)
  }

  @Test func `a failed write orders no removal behind a newer write`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    try drain { writer.isIdle }
    let first = try Hold(writer, at: directory.path("first"))
    let old = try rotate(outputs, kept)
    let second = try Hold(writer, at: directory.path("second"))
    _ = try rotate(outputs, kept)
    outputs.condemn(old, of: kept.name)
    // The directory is writable for others: nothing is written there, but a removal succeeds.
    chmod(directory.path("app"), 0o777)
    first.release()
    try drain { logged("error: credential file not written, keeping the existing one") }
    chmod(directory.path("app"), 0o755)
    second.release()
    try drain { writer.isIdle }
    #expect(holds("app/c.json", kept) && outputs.failing.isEmpty)
  }

  @Test func `a condemned session is removed when the newer write fails, too`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [elsewhere("c.json")])
    try drain { writer.isIdle }
    let hold = try Hold(writer, at: directory.path("held"))
    hold.awaitBegun()
    let old = try rotate(outputs, kept)
    clock.advance(11_000_000)
    outputs.reportStuck()
    outputs.condemn(old, of: kept.name)
    chmod(directory.path("app"), 0o777)
    hold.release()
    try drain { writer.isIdle }
    #expect(text("app/c.json") == nil && logged("removed a credential file whose session STS refuses"))
  }

  // MARK: - How far the current credential is

  @Test func `the credential is in all files once each of them is written, on disks too`() throws {
    let outputs = try outputs(inMemory: false)
    #expect(outputs.progress(of: RoleName("a")!) == .complete, "a role without files")
    let kept = try begin(outputs, "a", [inRole("a"), elsewhere("c.json")])
    try drain { writer.isIdle }
    #expect(outputs.progress(of: kept.name) == .complete)
    let hold = try Hold(writer, at: directory.path("held"))
    hold.awaitBegun()
    _ = try rotate(outputs, kept)
    #expect(outputs.progress(of: kept.name) == .pending)
    hold.release()
    try drain { writer.isIdle }
    #expect(outputs.progress(of: kept.name) == .complete)
  }

  @Test func `a file that can't be written is distinguished from one that is being written`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [inRole("a"), elsewhere("c.json")])
    try drain { writer.isIdle }
    chmod(directory.path("app"), 0o777)
    _ = try rotate(outputs, kept)
    #expect(outputs.progress(of: kept.name) == .pending)
    try drain { writer.isIdle }
    #expect(outputs.progress(of: kept.name) == .failing)
    chmod(directory.path("app"), 0o755)
    outputs.retryFailed()
    try drain { writer.isIdle }
    #expect(outputs.progress(of: kept.name) == .complete)
  }

  // MARK: - Disks that don't answer

  /// Each of them was reported to be on a disk that doesn't answer.
  @Test func `an order that waits behind a hanging disk is reported as waiting`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [elsewhere("c.json"), elsewhere("d.json")])
    try drain { writer.isIdle }
    let hold = try Hold(writer, at: directory.path("held"))
    hold.awaitBegun()
    _ = try rotate(outputs, kept)
    clock.advance(11_000_000)
    outputs.reportStuck()
    let errors = outputs.statuses(of: kept.name, clock: kept.clock).compactMap(\.lastError)
    #expect(errors.count == 2, "\(errors)")
    for error in errors {
      #expect(error.contains(": waits behind '\(directory.path("held"))', whose disk hasn't answered"), "\(error)")
    }
    hold.release()
    try drain { writer.isIdle }
    #expect(holds("app/c.json", kept) && holds("app/d.json", kept) && outputs.failing.isEmpty)
  }

  // MARK: - The previous snapshot

  @Test(arguments: [true, false])
  func `the previous snapshot is removed at once when its session is condemned`(_ isInMemory: Bool) throws {
    let outputs = try outputs(inMemory: isInMemory)
    let kept = try begin(outputs, "a", [inRole("c.json")])
    try drain { writer.isIdle }
    let old = try rotate(outputs, kept)
    try drain { writer.isIdle }
    #expect(text("roles/a/gen-1/c.json") != nil)
    outputs.condemn(old, of: kept.name)
    try drain { writer.isIdle }
    #expect(text("roles/a/gen-1/c.json") == nil && holds("roles/a/c.json", kept))
  }

  @Test func `a session condemned before its replacement is written leaves no snapshot behind`() throws {
    let outputs = try outputs(inMemory: false)
    let kept = try begin(outputs, "a", [inRole("c.json")])
    try drain { writer.isIdle }
    let hold = try Hold(writer, at: directory.path("held"))
    let old = try rotate(outputs, kept)
    outputs.condemn(old, of: kept.name)
    #expect(text("roles/a/gen-1/c.json") != nil)
    hold.release()
    try drain { writer.isIdle }
    #expect(holds("roles/a/c.json", kept) && text("roles/a/gen-1/c.json") == nil)
  }
}
