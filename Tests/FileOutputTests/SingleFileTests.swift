import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import FileOutput

@Suite struct SingleFileTests {
  let temporary: TemporaryDirectory
  let path: String
  var file: SingleFile

  /// Says until when the file is valid.
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

  @Test mutating func `access, content and disk come in this order, then the record of its end, then the name`() throws
  {
    let recorder = Recorder()
    file.calls = recorder.calls
    #expect(try file.write(content("one", version: 1)))
    #expect(
      recorder.changes.map(\.step) == [
        .create, .acl, .chmod, .chown, .content, .sync, .link, .rename, .rename, .syncDirectory,
      ])
  }

  @Test mutating func `the same content isn't written again, unless the file drifted`() throws {
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

  /// Taken for ours it would have stayed as it is for good.
  @Test mutating func `what changes between the swap and the look at it is replaced, too`() throws {
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

  @Test mutating func `a symlink in its place is replaced and what it points to stays`() throws {
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

  @Test mutating func `what a crash left is cleaned, even a symlink`() throws {
    let victim = try temporary.write("precious", to: "victim")
    symlink(victim, temporary.path(Directory.temporaryName(for: "credentials.json")))
    #expect(try file.write(content("one", version: 1)))
    #expect(names(temporary.path) == ["credentials.json", Self.record, "victim"])
    #expect(FileText.read(victim) == "precious")
  }

  @Test mutating func `a link planted at the last moment is neither followed nor taken over`() throws {
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

  @Test(.needs(.root)) mutating func `a stranger's directory is refused, the owner's and root's are not`() throws {
    chown(temporary.path, 99, 99)
    #expect(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    chown(temporary.path, owner.uid, owner.gid)
    #expect(try file.write(content("one", version: 1)))
  }

  @Test mutating func `whichever step fails, the old file stays whole and nothing is left over`() throws {
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

  @Test mutating func `a vanished directory is told by name, and used again when it is back`() throws {
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
}
