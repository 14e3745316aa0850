import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import FileOutput

@Suite struct SingleFileTests {
  let temporary: TemporaryDirectory
  let path: String
  var file: SingleFile

  /// The record of the file's expiry.
  static let record = ".credentials.json.rolekeeper-expires"

  init() throws {
    temporary = try TemporaryDirectory()
    path = temporary.path("credentials.json")
    file = Self.make(path)
  }

  static func make(_ path: String, _ calls: Calls = Calls()) -> SingleFile {
    let place = OutputPath(path)!
    var file = SingleFile(place, output(.elsewhere(place), mode: 0o440))
    file.calls = calls
    return file
  }

  @Test mutating func `a file is replaced, never written in place`() throws {
    #expect(try file.write(content("one", version: 1)))
    let first = try #require(Look(path))
    #expect(first.kind == S_IFREG && first.mode == 0o440 && first.uid == owner.uid && first.gid == owner.gid)
    let reader = open(path, O_RDONLY)
    defer { close(reader) }
    #expect(try file.write(content("two!", version: 2)))
    #expect(Look(path)?.inode != first.inode)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = read(reader, &bytes, 16)
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "one")
    #expect(FileText.read(path) == "two!")
    #expect(names(temporary.path) == ["credentials.json", Self.record])
  }

  @Test mutating func `access, content and sync come in this order, then the end record, then the rename`() throws {
    let recorder = Recorder()
    file.calls = recorder.calls
    #expect(try file.write(content("one", version: 1)))
    #expect(
      recorder.changes.map(\.step)
        == [
          .create, .acl, .chmod, .chown, .content, .sync, .link, .rename, .rename, .syncDirectory,
        ].filter { isRoot || $0 != .chown })
  }

  /// A system call filter may deny the call to a daemon whose files are all its own.
  @Test mutating func `the owner isn't set if it is already right`() throws {
    let recorder = Recorder()
    let place = OutputPath(path)!
    file = SingleFile(place, OutputFile(.elsewhere(place), uid: geteuid(), gid: getegid(), mode: 0o440))
    file.calls = recorder.calls
    #expect(try file.write(content("one", version: 1)))
    #expect(!recorder.changes.map(\.step).contains(.chown) && Look(path)?.uid == geteuid())
  }

  @Test mutating func `the same content isn't written again, unless the file has drifted`() throws {
    _ = try file.write(content("one", version: 1))
    let before = Look(path)
    #expect(try !file.write(content("one", version: 1)))
    #expect(Look(path) == before)
    chmod(path, 0o644)
    #expect(try file.write(content("one", version: 1)))
    #expect(Look(path)?.mode == 0o440 && Look(path)?.inode != before?.inode)
    unlink(path)
    #expect(try file.write(content("one", version: 1)))
    #expect(FileText.read(path) == "one")
  }

  /// If it were taken for ours, it would stay as it is for ever.
  @Test mutating func `a change between the swap and the check is replaced, too`() throws {
    let path = path
    file.calls = Calls { step, _ in
      if step == .syncDirectory { chmod(path, 0o644) }
      return 0
    }
    _ = try file.write(content("one", version: 1))
    file.calls = Calls()
    #expect(try file.write(content("one", version: 1)))
    #expect(Look(path)?.mode == 0o440)
    #expect(try !file.write(content("one", version: 1)))
  }

  @Test mutating func `a symlink in its place is replaced and its target stays`() throws {
    let victim = try temporary.write("precious", to: "victim")
    symlink(victim, path)
    #expect(try file.write(content("one", version: 1)))
    #expect(FileText.read(victim) == "precious")
    #expect(Look(path)?.kind == S_IFREG)
  }

  @Test mutating func `a directory in its place is an error and stays`() throws {
    mkdir(path, 0o755)
    let error = #expect(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect(error == .inTheWay(path: path, what: "directory"))
    try file.withdraw()
    #expect(names(temporary.path) == ["credentials.json"])
  }

  @Test mutating func `a crash's leftovers are removed, even a symlink`() throws {
    let victim = try temporary.write("precious", to: "victim")
    symlink(victim, temporary.path(Directory.temporaryName(for: "credentials.json")))
    #expect(try file.write(content("one", version: 1)))
    #expect(names(temporary.path) == ["credentials.json", Self.record, "victim"])
    #expect(FileText.read(victim) == "precious")
  }

  @Test mutating func `a link planted at the last moment is neither followed nor used`() throws {
    let victim = try temporary.write("precious", to: "victim")
    let planted = temporary.path(Directory.temporaryName(for: "credentials.json"))
    file.calls = Calls { step, _ in
      if step == .create { symlink(victim, planted) }
      return 0
    }
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect(error == .system(.create, path: planted, errno: EEXIST))
    #expect(FileText.read(victim) == "precious" && Look(victim)?.uid == geteuid())
  }

  @Test(arguments: [0o777, 0o1777, 0o775, 0o757] as [mode_t])
  mutating func `a directory that others may write to is refused by name`(_ mode: mode_t) throws {
    chmod(temporary.path, mode)
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect("\(error)".contains("'\(temporary.path)'"))
    #expect(names(temporary.path) == [])
  }

  @Test(.needs(.root)) mutating func `another user's directory is refused, the owner's and root's aren't`() throws {
    chown(temporary.path, 99, 99)
    #expect(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    chown(temporary.path, owner.uid, owner.gid)
    #expect(try file.write(content("one", version: 1)))
  }

  @Test mutating func `whichever step fails, the old file stays whole and no leftover remains`() throws {
    _ = try file.write(content("one", version: 1))
    let new = try content("two", version: 2)
    for step in 0... {
      let recorder = Recorder(failing: step)
      file.calls = recorder.calls
      #expect(throws: FileOutputError.self) { try file.write(new) }
      if recorder.taken.last?.step == .syncDirectory { break }
      #expect(FileText.read(path) == "one", "step \(step)")
      #expect(names(temporary.path) == ["credentials.json", Self.record], "step \(step)")
    }
    #expect(FileText.read(path) == "two")
    file.calls = Calls()
    #expect(try file.write(new))
  }

  @Test mutating func `a vanished directory is reported by name, and used again when it is back`() throws {
    let directory = temporary.path("app")
    file = Self.make("\(directory)/credentials.json")
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect(
      "\(error)" == "directory '\(directory)': there is no such directory; name a directory of the daemon's own: "
        + "'rolekeeper check' names one, with the commands that make it")
    try file.withdraw()
    mkdir(directory, 0o755)
    #expect(try file.write(content("one", version: 1)))
  }

  @Test mutating func `a withdrawn file is gone, whoever wrote it`() throws {
    try temporary.write("of the process before", to: "credentials.json")
    try file.withdraw()
    #expect(names(temporary.path) == [])
    try file.withdraw()
    #expect(try file.write(content("one", version: 1)))
  }

  // MARK: - An earlier process's file that is no longer an output

  /// The file as the next process sees it.
  private func former() -> SingleFile { Self.make(path) }

  @Test mutating func `a file of an earlier process is removed with its record`() throws {
    _ = try file.write(content("one", version: 1))
    _ = try file.write(content("two", version: 2))
    try temporary.write("half", to: Directory.temporaryName(for: "credentials.json"))
    var former = former()
    #expect(try former.removeFormer(endedBy: nil))
    #expect(names(temporary.path).isEmpty)
    #expect(try !former.removeFormer(endedBy: nil), "nothing is there")
    var elsewhere = Self.make("\(temporary.path)/gone/credentials.json")
    #expect(try !elsewhere.removeFormer(endedBy: nil), "nor is the directory")
  }

  @Test mutating func `a crash's half-written file and its record are removed if there is no file`() throws {
    _ = try file.write(content("one", version: 1))
    unlink(path)
    try temporary.write("half", to: Directory.temporaryName(for: "credentials.json"))
    var former = former()
    #expect(try !former.removeFormer(endedBy: nil))
    #expect(names(temporary.path).isEmpty)
  }

  @Test mutating func `a file of an earlier process can be kept until its session ends`() throws {
    _ = try file.write(content("one", version: 1), until: 2000)
    var former = former()
    #expect(throws: FileOutputError.notEnded(path: path, end: 2000)) { try former.removeFormer(endedBy: 1999) }
    #expect(FileText.read(path) == "one")
    #expect(try former.removeFormer(endedBy: 2000))
    #expect(names(temporary.path).isEmpty)
  }

  /// What somebody does to the file, and the text of the refusal.
  struct Change: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let found: String
    let make: @Sendable (String, TemporaryDirectory) throws -> Void
  }

  @Test(arguments: [
    Change(testDescription: "another file", found: "record") { path, directory in
      try directory.write("precious", to: "mine")
      chown(directory.path("mine"), owner.uid, owner.gid)
      rename(directory.path("mine"), path)
    },
    Change(testDescription: "a link", found: "regular") { path, directory in
      try directory.write("precious", to: "mine")
      unlink(path)
      symlink(directory.path("mine"), path)
    },
    Change(testDescription: "a directory", found: "regular") { path, _ in
      unlink(path)
      mkdir(path, 0o755)
    },
    Change(testDescription: "other content", found: "changed since") { path, _ in
      chmod(path, 0o640)
      let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
      write(file, "mine", 4)
      // Kernels before 6.13 stamp files with the time of the last tick.
      var later = [timespec(tv_sec: time(nil) + 1, tv_nsec: 0), timespec(tv_sec: time(nil) + 1, tv_nsec: 0)]
      futimens(file, &later)
      close(file)
    },
    Change(testDescription: "no record", found: "record") { _, directory in unlink(directory.path(Self.record)) },
    Change(testDescription: "a file for a record", found: "record") { path, directory in
      unlink(directory.path(Self.record))
      try directory.write("\(time(nil) + 3600):\(Look(path)!.inode)", to: Self.record)
    },
  ])
  mutating func `a file that somebody put in place of an earlier process's stays`(_ row: Change) throws {
    _ = try file.write(content("one", version: 1))
    try row.make(path, temporary)
    let before = names(temporary.path)
    var former = former()
    let error = try #require(throws: FileOutputError.self) { try former.removeFormer(endedBy: nil) }
    guard case .notOurs(path, let found) = error else { throw error }
    #expect(found.contains(row.found), "\(found)")
    #expect(names(temporary.path) == before)
  }

  @Test(.needs(.root)) mutating func `a file of another owner, and another user's record, aren't ours`() throws {
    _ = try file.write(content("one", version: 1))
    let record = temporary.path(Self.record)
    let text = try #require(target(record))
    unlink(record)
    symlink(text, record)
    lchown(record, 4711, 4712)
    var former = former()
    #expect(throws: FileOutputError.self) { try former.removeFormer(endedBy: nil) }
    _ = try file.write(content("two", version: 2))
    chown(path, 4713, 4712)
    #expect(throws: FileOutputError.notOurs(path: path, found: "it belongs to uid 4713 instead of 4711")) {
      try former.removeFormer(endedBy: nil)
    }
    #expect(FileText.read(path) == "two")
  }

  @Test mutating func `a directory that has become a link isn't followed to remove an earlier process's file`() throws {
    let directory = temporary.path("app")
    mkdir(directory, 0o755)
    file = Self.make("\(directory)/credentials.json")
    _ = try file.write(content("one", version: 1))
    rename(directory, temporary.path("moved"))
    symlink(temporary.path("moved"), directory)
    var former = Self.make("\(directory)/credentials.json")
    let error = try #require(throws: FileOutputError.self) { try former.removeFormer(endedBy: nil) }
    guard case .notOurs = error else { throw error }
    #expect(FileText.read(temporary.path("moved/credentials.json")) == "one")
  }

  @Test mutating func `a file without a record has a presumed end`() throws {
    _ = try file.write(content("one", version: 1), until: 2000)
    var former = former()
    #expect(try !former.withdrawEnded(by: 1999))
    #expect(former.presumedEnd == nil)
    unlink(temporary.path(Self.record))
    #expect(try !former.withdrawEnded(by: time(nil)))
    let end = try #require(former.presumedEnd)
    #expect(end.path == path && abs(end.end - time(nil) - 900) < 60)
    #expect(try former.withdrawEnded(by: end.end))
    #expect(former.presumedEnd == end && Look(path) == nil)
  }
}
