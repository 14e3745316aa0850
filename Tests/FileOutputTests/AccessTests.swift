import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// A file's access is what the settings say, whatever other ways of granting access a file system has.
@Suite struct AccessTests {
  let temporary: TemporaryDirectory
  let path: String

  init() throws {
    temporary = try TemporaryDirectory()
    path = temporary.path("credentials.json")
  }

  /// An output of mode 0440 in a directory with a default ACL was readable for a uid that was neither its owner nor in its group.
  @Test func `a directory's default ACL gives nobody access to a file`() throws {
    try AccessControlList.lets(1001, at: temporary.path, byDefault: true)
    let probe = try temporary.write("", to: "probe")
    try #require(AccessControlList.isThere(at: probe), "new files here inherit it")
    var file = SingleFileTests.make(path)
    _ = try file.write(content("one", version: 1))
    #expect(!AccessControlList.isThere(at: path))
    #expect(Look(path)?.mode == 0o440)
  }

  @Test func `new directories inherit no ACL, and neither do the files in them`() throws {
    try AccessControlList.lets(1001, at: temporary.path, byDefault: true)
    var directory = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
    _ = try directory.write([content("one", version: 1)])
    for name in ["roles", "roles/uploader", "roles/uploader/gen-1", "roles/uploader/gen-1/a"] {
      #expect(!AccessControlList.isThere(at: temporary.path(name)), "\(name)")
      #expect(!AccessControlList.isThere(at: temporary.path(name), byDefault: true), "\(name)")
    }
  }

  /// The error named the mode, and so a group that may only read.
  @Test func `a directory that an ACL makes writable for others is refused with the entry`() throws {
    try AccessControlList.letsWrite(1001, at: temporary.path)
    var file = SingleFileTests.make(path)
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect(
      "\(error)".contains("'\(temporary.path)': others may write to it (ACL entry user:1001:rwx, mode 0"), "\(error)")
  }

  @Test func `an ACL that somebody sets on a file is found, reported and removed`() throws {
    var file = SingleFileTests.make(path)
    _ = try file.write(content("one", version: 1))
    try AccessControlList.lets(1001, at: path)
    #expect(try file.write(content("one", version: 1)))
    #expect(file.drifts == [OutputDrift(path: path, found: "an access control list")])
    #expect(!AccessControlList.isThere(at: path))
    #expect(try !file.write(content("one", version: 1)))
  }

  @Test(arguments: ["", "/gen-1"], [true, false])
  func `an ACL on a directory of ours is found, reported and removed`(_ name: String, _ byDefault: Bool) throws {
    var directory = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
    _ = try directory.write([content("one", version: 1)])
    let place = temporary.path("roles/uploader\(name)")
    try AccessControlList.lets(1001, at: place, byDefault: byDefault)
    #expect(try directory.write([content("one", version: 1)]))
    #expect(directory.drifts.map(\.path) == [place] && directory.drifts[0].found.contains("access control list"))
    for name in ["", "/current", "/current/a"] {
      let path = temporary.path("roles/uploader\(name)")
      #expect(!AccessControlList.isThere(at: path) && !AccessControlList.isThere(at: path, byDefault: true))
    }
    #expect(try !directory.write([content("one", version: 1)]))
  }

  /// Like vfat, ntfs, cifs and fuse with mount options such as `uid=` and `umask=`.
  @Test(arguments: isRoot ? [Step.chmod, .chown] : [.chmod])
  func `nothing is written to a file system that ignores mode or owner`(_ ignored: Step) throws {
    var file = SingleFileTests.make(path, Calls { step, _ in step == ignored ? Calls.ignored : 0 })
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    let text = "\(error)"
    #expect(text.contains("mode 0440, owner \(owner.uid):\(owner.gid) was set") && text.contains("is shown"), "\(text)")
    #expect(names(temporary.path) == [])
  }

  /// The bytes of `system.nfs4_acl` (nfs4_acl(5)).
  private static func list(_ entries: (type: UInt32, mask: UInt32, who: String)...) -> [UInt8] {
    var bytes = word(UInt32(entries.count))
    for entry in entries {
      let who = Array(entry.who.utf8)
      for number in [entry.type, 0, entry.mask, UInt32(who.count)] { bytes += word(number) }
      bytes += who + [UInt8](repeating: 0, count: (4 - who.count % 4) % 4)
    }
    return bytes
  }

  private static func word(_ number: UInt32) -> [UInt8] {
    let shifts: [UInt32] = [24, 16, 8, 0]
    return shifts.map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  @Test func `an NFSv4 ACL is judged by the users it admits`() throws {
    let ours = Self.list((0, 0x16_01BF, "OWNER@"), (0, 0x12_0081, "GROUP@"), (0, 0x12_0080, "EVERYONE@"))
    #expect(try #require(NFS4ACL(ours)).stranger == nil)
    let denied = Self.list((0, 1, "OWNER@"), (1, 1, "eve@example.com"), (0, 0, "mallory@example.com"))
    #expect(try #require(NFS4ACL(denied)).stranger == nil)
    let granted = Self.list((0, 1, "OWNER@"), (0, 1, "eve@example.com"))
    #expect(try #require(NFS4ACL(granted)).stranger == "eve@example.com")
    for cut in 1..<granted.count { #expect(NFS4ACL(Array(granted.prefix(cut))) == nil, "\(cut)") }
    #expect(NFS4ACL(granted + [0]) == nil)
    #expect(NFS4ACL([0xFF, 0xFF, 0xFF, 0xFF]) == nil)
  }

  struct Change: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let found: String
    let happen: @Sendable (String) -> Void
  }

  @Test(arguments: [
    Change(testDescription: "loosened", found: "mode 0644 instead of 0440") { chmod($0, 0o644) },
    Change(testDescription: "set-id", found: "mode 4440 instead of 0440") { chmod($0, 0o4440) },
    Change(testDescription: "deleted", found: "missing") { unlink($0) },
    Change(testDescription: "a directory", found: "a directory") { path in
      unlink(path)
      mkdir(path, 0o755)
    },
    Change(testDescription: "a symlink", found: "not a regular file") { path in
      unlink(path)
      symlink("/dev/null", path)
    },
    Change(testDescription: "mode and back", found: "a change that was undone") { path in
      chmod(path, 0o644)
      chmod(path, 0o440)
    },
    Change(testDescription: "another name", found: "2 names instead of 1") { link($0, "\($0).kept") },
    Change(testDescription: "content", found: "mode 0640 instead of 0440, other content") { path in
      chmod(path, 0o640)
      let file = open(path, O_WRONLY | O_APPEND)
      write(file, "X", 1)
      close(file)
    },
  ])
  func `a change is reported with what was found`(_ change: Change) throws {
    var file = SingleFileTests.make(path)
    _ = try file.write(content("one", version: 1))
    change.happen(path)
    #expect(try !file.isCurrent(1, until: anHourOn))
    #expect(file.drifts == [OutputDrift(path: path, found: change.found)])
  }
}
