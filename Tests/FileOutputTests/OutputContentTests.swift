import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// What a process finds before it has written anything: after a restart during an outage the status reported files as empty that
/// weren't.
@Suite struct OutputContentTests {
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

  @Test func `a file elsewhere records the role's generation and its end`() throws {
    var file = file
    #expect(file.content == .absent)
    _ = try file.write(content("one", version: 1), until: end, generation: 41)
    #expect(self.file.content == .present(generation: 41, end: end))
    _ = try file.write(content("two", version: 2), until: end + 60, generation: 42)
    #expect(self.file.content == .present(generation: 42, end: end + 60))
    try file.withdraw()
    #expect(self.file.content == .absent)
  }

  @Test func `a role's directory records the generation and its end, also after a repair`() throws {
    var directory = directory
    #expect(directory.content == .absent)
    _ = try directory.write([content("one", version: 1)], until: end, generation: 41)
    #expect(self.directory.content == .present(generation: 41, end: end))
    unlink(temporary.path("roles/uploader/gen-1/a"))
    #expect(self.directory.content == .absent)
    #expect(try directory.write([content("one", version: 1)], until: end, generation: 41))
    #expect(target(temporary.path("roles/uploader/current")) == "gen-2")
    #expect(self.directory.content == .present(generation: 41, end: end))
  }

  @Test func `a file of a version that recorded no generation has an end and no generation`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end)
    _ = try directory.write([content("one", version: 1)], until: end)
    #expect(self.file.content == .present(generation: nil, end: end))
    #expect(self.directory.content == .present(generation: nil, end: end))
  }

  /// It was reported as absent.
  @Test func `an output that can't be examined is unknown`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end, generation: 41)
    _ = try directory.write([content("one", version: 1)], until: end, generation: 41)
    file.calls = Calls { step, _ in step == .openDirectory ? EACCES : 0 }
    directory.calls = Calls { step, path in step == .openDirectory && path.hasSuffix("/uploader") ? EACCES : 0 }
    #expect(file.content == .unknown)
    #expect(directory.content == .unknown)
  }

  /// A directory that somebody else had put in its place was reported as the daemon's credential.
  @Test(.enabled(if: isRoot)) func `a directory that somebody else put in the role's place is unknown`() throws {
    var directory = directory
    let role = temporary.path("roles/uploader")
    _ = try directory.write([content("one", version: 1)], until: end, generation: 41)
    chown(role, 99, 99)
    #expect(directory.content == .present(generation: 41, end: end), "it is the one that was written to")
    #expect(self.directory.content == .unknown)
    chown("\(role)/gen-1", 99, 99)
    #expect(directory.content == .unknown)
    rename(role, temporary.path("away"))
    mkdir(role, 0o711)
    chown(role, 99, 99)
    #expect(directory.content == .absent)
    mkdir("\(role)/gen-1", 0o711)
    symlink("gen-1", "\(role)/current")
    try temporary.write("evil", to: "roles/uploader/gen-1/a")
    #expect(directory.content == .unknown)
  }

  /// The record is about an inode, which another file may have got since.
  @Test func `content that this process didn't write is unknown`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end, generation: 41)
    _ = try directory.write([content("one", version: 1)], until: end, generation: 41)
    for place in [path, temporary.path("roles/uploader/gen-1/a")] { chmod(place, 0o640) }
    #expect(
      file.content == .present(generation: 41, end: end) && directory.content == .present(generation: 41, end: end))
    for place in [path, temporary.path("roles/uploader/gen-1/a")] {
      let file = open(place, O_WRONLY | O_APPEND | O_CLOEXEC)
      write(file, "more", 4)
      close(file)
    }
    #expect(file.content == .unknown && directory.content == .unknown)
  }

  @Test func `a failed swap leaves the present file its generation`() throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: end, generation: 41)
    let renames = Recorder()
    file.calls = Calls { step, name in
      _ = renames.calls.probe?(step, name)
      return renames.taken.filter { $0.step == .rename }.count == 2 ? EIO : 0
    }
    #expect(throws: FileOutputError.self) {
      try file.write(content("two", version: 2), until: end + 3600, generation: 42)
    }
    #expect(self.file.content == .present(generation: 41, end: end))
  }
}
