import Core
import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// An earlier process's files get the access that the settings now say without waiting for STS: after a restart during an outage,
/// the former owner and group could still read them, and nothing reported it.
@Suite struct AccessFixTests {
  let temporary: TemporaryDirectory
  let role: String
  let path: String
  let end = time(nil) + 600

  init() throws {
    temporary = try TemporaryDirectory()
    role = temporary.path("roles/uploader")
    path = temporary.path("app/c.json")
    mkdir(temporary.path("app"), 0o755)
  }

  private func directory(_ names: [String], mode: UInt32 = 0o440, uid: UInt32 = owner.uid) -> RoleDirectory {
    let files = names.map { name in
      let name = OutputName(name)!
      return (name, OutputFile(.inRoleDirectory(name), uid: uid, gid: owner.gid, mode: mode))
    }
    return RoleDirectory(parent: temporary.path("roles"), role: "uploader", files)
  }

  private func file(mode: UInt32 = 0o440, uid: UInt32 = owner.uid) -> SingleFile {
    let place = OutputPath(path)!
    return SingleFile(place, OutputFile(.elsewhere(place), uid: uid, gid: owner.gid, mode: mode))
  }

  /// As an earlier process writes it, with the files' names as their contents.
  private func leave(_ names: [String] = ["a", "b"], uid: UInt32 = owner.uid) throws {
    var directory = directory(names, uid: uid)
    _ = try directory.write(names.map { try content($0, version: 1) }, until: end, generation: 7)
    var file = file(uid: uid)
    _ = try file.write(content("elsewhere", version: 1), until: end, generation: 7)
  }

  private func text(_ name: String) -> String? { FileText.read("\(role)/\(name)") }

  @Test func `a file that is as it should be isn't touched`() throws {
    try leave()
    let before = [Look("\(role)/current/a"), Look(path)]
    var (directory, file) = (directory(["a", "b"]), file())
    try directory.applyAccess()
    try file.applyAccess()
    #expect(directory.fixes.isEmpty && file.fixes.isEmpty)
    #expect([Look("\(role)/gen-1/a"), Look(path)] == before)
  }

  @Test func `a narrower mode holds at once, for the same content until the same end`() throws {
    try leave()
    let before = Look(path)
    var (directory, file) = (directory(["a", "b"], mode: 0o400), file(mode: 0o400))
    try directory.applyAccess()
    try file.applyAccess()
    let found = "mode 0440 instead of 0400"
    #expect(directory.fixes == ["a", "b"].map { AccessFix(path: "\(role)/\($0)", found: found, isRemoved: false) })
    #expect(file.fixes == [AccessFix(path: path, found: found, isRemoved: false)])
    #expect([text("a"), text("b"), FileText.read(path)] == ["a", "b", "elsewhere"])
    #expect(names(role) == ["a", "b", "current", "gen-2"])
    for place in ["\(role)/gen-2/a", "\(role)/gen-2/b", path] { #expect(Look(place)?.mode == 0o400) }
    #expect(Look(path)?.inode != before?.inode, "who has the old one open can't be shut out of a new one")
    #expect(directory.content == .present(generation: 7, end: end) && file.content == .present(generation: 7, end: end))
    try directory.applyAccess()
    try file.applyAccess()
    #expect(directory.fixes.isEmpty && file.fixes.isEmpty)
    // New sessions from STS continue from there.
    #expect(try directory.write([content("a2", version: 1), content("b2", version: 1)], until: end))
    #expect(try file.write(content("elsewhere2", version: 1), until: end))
    #expect(text("a") == "a2" && FileText.read(path) == "elsewhere2")
  }

  @Test(.enabled(if: isRoot)) func `a new owner reads the file, and the former one doesn't`() throws {
    try leave(["a"], uid: 1007)
    var (directory, file) = (directory(["a"], mode: 0o400, uid: 1008), file(mode: 0o400, uid: 1008))
    try directory.applyAccess()
    try file.applyAccess()
    for place in ["\(role)/current/a", path] {
      let look = try #require(Look(place))
      #expect(look.uid == 1008 && look.mode == 0o400)
    }
    #expect(text("a") == "a" && FileText.read(path) == "elsewhere")
    #expect(directory.fixes.map(\.found) == ["mode 0440 instead of 0400, owner 1007:4712 instead of 1008:4712"])
  }

  /// With CAP_CHOWN alone it can't be read in place.
  @Test(.enabled(if: isRoot)) func `a file that the daemon may not read is first given back to the daemon`() throws {
    try leave(["a"], uid: 1007)
    var directory = directory(["a"], mode: 0o400, uid: 1008)
    directory.calls = Calls { step, path in step == .read && Look(path)?.uid != 0 ? EACCES : 0 }
    try directory.applyAccess()
    #expect(text("a") == "a" && Look("\(role)/current/a")?.uid == 1008)
    #expect(directory.fixes.map(\.isRemoved) == [false])
  }

  @Test func `a file that is no longer an output is removed, and the others stay`() throws {
    try leave()
    var directory = directory(["a"])
    try directory.applyAccess()
    #expect(
      directory.fixes == [AccessFix(path: "\(role)/b", found: "the settings no longer have it", isRemoved: true)])
    #expect(names(role) == ["a", "current", "gen-2"] && text("a") == "a")
    var renamed = self.directory(["c"])
    try renamed.applyAccess()
    #expect(renamed.fixes.map(\.path) == ["\(role)/a"] && renamed.content == .absent)
    #expect(FileText.read("\(role)/gen-2/a") == nil)
  }

  @Test func `an access control list is removed`() throws {
    try leave(["a"])
    for place in ["\(role)/gen-1/a", path] { try AccessControlList.lets(3333, at: place) }
    var (directory, file) = (directory(["a"]), file())
    try directory.applyAccess()
    try file.applyAccess()
    #expect(directory.fixes.map(\.found) == ["an access control list"])
    #expect(file.fixes.map(\.found) == ["an access control list"])
    for place in ["\(role)/current/a", path] { #expect(!AccessControlList.isThere(at: place)) }
    #expect(text("a") == "a" && FileText.read(path) == "elsewhere")
  }

  struct Age: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// In seconds after the record.
    let written: Int
    let changed: Int
    let uid: UInt32
    let isAsWritten: Bool
  }

  /// Otherwise a former owner could pass any content to its successor.
  @Test(arguments: [
    Age(testDescription: "as it was written", written: -1, changed: -1, uid: 1007, isAsWritten: true),
    Age(testDescription: "with its time put back", written: -1, changed: 5, uid: 1007, isAsWritten: false),
    Age(testDescription: "changed", written: 5, changed: 5, uid: 1007, isAsWritten: false),
    Age(testDescription: "loosened", written: -1, changed: 5, uid: 1008, isAsWritten: true),
    Age(testDescription: "changed by somebody", written: 5, changed: 5, uid: 1008, isAsWritten: false),
  ])
  func `content that its former owner may have changed isn't given to another`(_ row: Age) {
    let place = OutputPath("/srv/app/c.json")!
    let output = OutputFile(.elsewhere(place), uid: 1008, gid: 1008, mode: 0o400)
    var raw = stat()
    raw.st_mode = S_IFLNK | 0o777
    raw.st_uid = geteuid()
    raw.st_ctim.tv_sec = 1000
    let record = FileStatus(raw)
    raw.st_mode = S_IFREG | 0o440
    raw.st_uid = row.uid
    raw.st_mtim.tv_sec = 1000 + row.written
    raw.st_ctim.tv_sec = 1000 + row.changed
    let file = FileStatus(raw)
    #expect(file.isAsWritten(before: record, for: output) == row.isAsWritten)
    #expect(file.isAsWritten(before: record, slack: 5, for: output))
    #expect(!file.isAsWritten(before: nil, for: output))
  }

  @Test(.enabled(if: isRoot)) func `content of another owner without a record is removed`() throws {
    try leave(["a"], uid: 1007)
    unlink("\(role)/gen-1/.expires")
    var directory = directory(["a"], mode: 0o400, uid: 1008)
    try directory.applyAccess()
    #expect(names(role) == ["a"] && directory.fixes.map(\.isRemoved) == [true])
  }

  @Test func `a file that can't be kept with the right access is removed`() throws {
    try leave(["a"])
    var (directory, file) = (directory(["a"], mode: 0o400), file(mode: 0o400))
    let full = Calls { step, _ in step == .content ? ENOSPC : 0 }
    directory.calls = full
    file.calls = full
    try directory.applyAccess()
    try file.applyAccess()
    #expect(names(role) == ["a"] && Look(path) == nil)
    for fix in directory.fixes + file.fixes {
      #expect(fix.isRemoved && fix.found.hasPrefix("mode 0440 instead of 0400; ") && fix.found.contains("No space"))
    }
    #expect(directory.fixes.count == 1 && file.fixes.count == 1)
  }

  @Test func `a file elsewhere that isn't recorded as ours stays`() throws {
    try temporary.write("somebody's", to: "app/c.json")
    var file = file(mode: 0o400)
    try file.applyAccess()
    #expect(file.fixes.isEmpty && FileText.read(path) == "somebody's")
  }

  @Test func `a directory that was opened to others is closed again`() throws {
    try leave(["a"])
    for place in [role, "\(role)/gen-1"] { chmod(place, 0o777) }
    var directory = directory(["a"])
    try directory.applyAccess()
    #expect(directory.fixes.map(\.path) == [role, "\(role)/gen-1"])
    #expect(Look(role)?.mode == 0o711 && Look("\(role)/gen-1")?.mode == 0o711 && text("a") == "a")
  }
}
