import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// A file's expiry is recorded beside it. It was derived from the file's age and the settings: after a reload from 15 minutes to 12
/// hours and a restart without STS, an expired credential stayed for hours.
@Suite struct EndRecordTests {
  let temporary: TemporaryDirectory
  let path: String
  let end = time(nil) + 600

  init() throws {
    temporary = try TemporaryDirectory()
    path = temporary.path("credentials.json")
  }

  /// The file as another process finds it.
  private var file: SingleFile { SingleFileTests.make(path) }
  private var directory: RoleDirectory { RoleDirectoryTests.make(temporary.path("roles"), ["a"]) }

  @Test func `a file elsewhere is removed at its end, and not before`() throws {
    var file = file
    #expect(try !file.withdrawEnded(by: end), "nothing is there")
    _ = try file.write(content("one", version: 1), until: end)
    file = self.file
    #expect(try !file.withdrawEnded(by: end - 1))
    #expect(FileText.read(path) == "one")
    #expect(try file.withdrawEnded(by: end))
    #expect(names(temporary.path) == [])
  }

  @Test func `a snapshot is removed at its end, and not before, whatever the outputs are called now`() throws {
    var directory = directory
    #expect(try !directory.withdrawEnded(by: end), "nothing is there")
    _ = try directory.write([content("one", version: 1)], until: end)
    var renamed = RoleDirectoryTests.make(temporary.path("roles"), ["other"])
    #expect(try !renamed.withdrawEnded(by: end - 1))
    #expect(FileText.read(temporary.path("roles/uploader/a")) == "one")
    #expect(try renamed.withdrawEnded(by: end))
    #expect(FileText.read(temporary.path("roles/uploader/a")) == nil)
    #expect(!names(temporary.path("roles/uploader")).contains("gen-1"))
    #expect(try !renamed.withdrawEnded(by: end))
  }

  @Test func `the same content with another end is written again`() throws {
    var (file, directory) = (file, directory)
    for (end, isWritten) in [(end, true), (end, false), (end - 60, true)] {
      #expect(try file.write(content("one", version: 1), until: end) == isWritten)
      #expect(try directory.write([content("one", version: 1)], until: end) == isWritten)
    }
    file = self.file
    #expect(try file.withdrawEnded(by: end - 60))
  }

  /// The record is written first: the process may be killed before the file is in place.
  @Test func `a crash before the swap leaves the present file its own end`() throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: end)
    let renames = Recorder()
    file.calls = Calls { step, name in
      _ = renames.calls.probe?(step, name)
      return renames.taken.filter { $0.step == .rename }.count == 2 ? EIO : 0
    }
    #expect(throws: FileOutputError.self) { try file.write(content("two", version: 2), until: end + 3600) }
    #expect(FileText.read(path) == "one")
    file = self.file
    #expect(try !file.withdrawEnded(by: end - 1))
    #expect(try file.withdrawEnded(by: end))
  }

  /// As left by an older version or somebody else. The kernel's time for a file may be a tick ahead of `time(2)`.
  @Test func `without a record a file counts as written with the shortest session there is`() throws {
    try temporary.write("old", to: "credentials.json")
    var file = file
    #expect(try !file.withdrawEnded(by: time(nil) + 890))
    #expect(FileText.read(path) == "old")
    #expect(try file.withdrawEnded(by: time(nil) + 901))
    var directory = directory
    _ = try directory.write([content("one", version: 1)], until: end + 36_000)
    unlink(temporary.path("roles/uploader/gen-1/.expires"))
    directory = self.directory
    #expect(try !directory.withdrawEnded(by: time(nil) + 890))
    #expect(try directory.withdrawEnded(by: time(nil) + 901))
  }

  /// A file's owner may set its modification time.
  @Test func `a modification time in the future doesn't extend a file's life`() throws {
    try temporary.write("old", to: "credentials.json")
    let touch = try ChildProcess.run(["/usr/bin/touch", "-d", "+1 year", path])
    #expect(touch.status == 0)
    var file = file
    #expect(try file.withdrawEnded(by: time(nil) + 901))
  }

  @Test func `another file in its place doesn't inherit its end`() throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: end + 36_000)
    try temporary.write("of a stranger", to: "other")
    rename(temporary.path("other"), path)
    file = self.file
    #expect(try file.withdrawEnded(by: time(nil) + 901))
  }

  @Test(arguments: ["", "soon", "1:2:3", "99999999999999999999:1"])
  func `an unreadable record counts as none`(_ text: String) throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: end + 36_000)
    unlink(temporary.path(SingleFileTests.record))
    symlink(text, temporary.path(SingleFileTests.record))
    file = self.file
    #expect(try !file.withdrawEnded(by: time(nil) + 800))
    #expect(try file.withdrawEnded(by: time(nil) + 901))
  }

  /// The file's owner could plant one: `rolekeeper status` then failed for everybody, since no document can have such a time.
  @Test(arguments: ["253402300800", "9223372036854775807", "-1", "+1", "-9223372036854775808"])
  func `an end that no credential can have counts as none`(_ end: String) throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: self.end + 36_000, generation: 41)
    let inode = try #require(Look(path)).inode
    unlink(temporary.path(SingleFileTests.record))
    symlink("\(end):\(inode) r41:\(inode)", temporary.path(SingleFileTests.record))
    file = self.file
    guard case .present(41, let found) = file.content else { throw Unexpected() }
    #expect((time(nil) + 890...time(nil) + 901).contains(found))
    symlink("253402300799:\(inode)", temporary.path("new"))
    rename(temporary.path("new"), temporary.path(SingleFileTests.record))
    #expect(file.content == .present(generation: nil, end: 253_402_300_799))
  }

  private struct Unexpected: Error {}

  /// It ends earlier than the current one, and without STS no swap removes it.
  @Test func `the previous snapshot is removed at its own end, or by the next process`() throws {
    var directory = directory
    for number in 1...2 as ClosedRange<UInt64> {
      _ = try directory.write([content("\(number)", version: number)], until: end + Int(number))
    }
    #expect(try directory.isCurrent([2], until: end + 2, at: end))
    #expect(names(temporary.path("roles/uploader")).contains("gen-1"))
    #expect(try directory.isCurrent([2], until: end + 2, at: end + 1))
    #expect(names(temporary.path("roles/uploader")) == ["a", "current", "gen-2"])
    _ = try directory.write([content("3", version: 3)], until: end + 3)
    #expect(names(temporary.path("roles/uploader")).contains("gen-2"))
    directory = self.directory
    #expect(try !directory.withdrawEnded(by: end))
    #expect(names(temporary.path("roles/uploader")) == ["a", "current", "gen-3"])
  }

  /// The new process, or the outputs after a reload, didn't know about it: with sessions of 12 h it stayed until the next swap.
  @Test func `another process's snapshot is removed at its recorded end`() throws {
    var directory = directory
    _ = try directory.write([content("1", version: 1)], until: end)
    directory = self.directory
    _ = try directory.write([content("2", version: 1)], until: end + 43_200)
    #expect(names(temporary.path("roles/uploader")) == ["a", "current", "gen-1", "gen-2"])
    #expect(try directory.isCurrent([1], until: end + 43_200, at: end - 1))
    #expect(names(temporary.path("roles/uploader")).contains("gen-1"))
    #expect(try directory.isCurrent([1], until: end + 43_200, at: end))
    #expect(names(temporary.path("roles/uploader")) == ["a", "current", "gen-2"])
    // Without a record it is judged by its age.
    unlink(temporary.path("roles/uploader/gen-2/.expires"))
    directory = self.directory
    _ = try directory.write([content("3", version: 1)], until: end + 43_200)
    #expect(try directory.isCurrent([1], until: end + 43_200, at: time(nil) + 910))
    #expect(names(temporary.path("roles/uploader")) == ["a", "current", "gen-3"])
  }
}
