import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// What a process finds that hasn't written anything yet: after a restart in an outage the status said that files are empty which weren't.
@Suite struct OutputContentTests {
  let temporary: TemporaryDirectory
  let path: String
  let end = time(nil) + 600

  init() throws {
    temporary = try TemporaryDirectory()
    path = temporary.path("credentials.json")
  }

  /// As another process finds it.
  private var file: SingleFile { SingleFileTests.make(path) }
  private var directory: RoleDirectory { RoleDirectoryTests.make(temporary.path("roles"), ["a"]) }

  @Test func `the role's generation and its end are kept with a file elsewhere`() throws {
    var file = file
    #expect(file.content == .absent)
    _ = try file.write(content("one", version: 1), until: end, rotation: 41)
    #expect(self.file.content == .present(rotation: 41, end: end))
    _ = try file.write(content("two", version: 2), until: end + 60, rotation: 42)
    #expect(self.file.content == .present(rotation: 42, end: end + 60))
    try file.withdraw()
    #expect(self.file.content == .absent)
  }

  @Test func `the role's generation and its end are kept with a directory's files, whatever a repair does`() throws {
    var directory = directory
    #expect(directory.content == .absent)
    _ = try directory.write([content("one", version: 1)], until: end, rotation: 41)
    #expect(self.directory.content == .present(rotation: 41, end: end))
    unlink(temporary.path("roles/uploader/gen-1/a"))
    #expect(self.directory.content == .absent)
    #expect(try directory.write([content("one", version: 1)], until: end, rotation: 41))
    #expect(target(temporary.path("roles/uploader/current")) == "gen-2")
    #expect(self.directory.content == .present(rotation: 41, end: end))
  }

  @Test func `a file of a version that kept no generation has an end and no generation`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end)
    _ = try directory.write([content("one", version: 1)], until: end)
    #expect(self.file.content == .present(rotation: nil, end: end))
    #expect(self.directory.content == .present(rotation: nil, end: end))
  }

  /// It was reported as none.
  @Test func `what can't be looked at is unknown`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end, rotation: 41)
    _ = try directory.write([content("one", version: 1)], until: end, rotation: 41)
    file.calls = Calls { step, _ in step == .openDirectory ? EACCES : 0 }
    directory.calls = Calls { step, path in step == .openDirectory && path.hasSuffix("/uploader") ? EACCES : 0 }
    #expect(file.content == .unknown)
    #expect(directory.content == .unknown)
  }

  /// What somebody else had put in the directory's place was reported as the daemon's credential.
  @Test(.enabled(if: isRoot)) func `what somebody else put in the place of a role's directory is unknown`() throws {
    var directory = directory
    let role = temporary.path("roles/uploader")
    _ = try directory.write([content("one", version: 1)], until: end, rotation: 41)
    chown(role, 99, 99)
    #expect(directory.content == .present(rotation: 41, end: end), "it is the one that was written to")
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

  /// The record is of an inode, which another file may have got since.
  @Test func `what isn't the content that this process wrote is unknown to it`() throws {
    var (file, directory) = (file, directory)
    _ = try file.write(content("one", version: 1), until: end, rotation: 41)
    _ = try directory.write([content("one", version: 1)], until: end, rotation: 41)
    for place in [path, temporary.path("roles/uploader/gen-1/a")] { chmod(place, 0o640) }
    #expect(file.content == .present(rotation: 41, end: end) && directory.content == .present(rotation: 41, end: end))
    for place in [path, temporary.path("roles/uploader/gen-1/a")] {
      let file = open(place, O_WRONLY | O_APPEND | O_CLOEXEC)
      write(file, "more", 4)
      close(file)
    }
    #expect(file.content == .unknown && directory.content == .unknown)
  }

  @Test func `the swap of a file that fails leaves the one that is there its generation`() throws {
    var file = file
    _ = try file.write(content("one", version: 1), until: end, rotation: 41)
    let renames = Recorder()
    file.calls = Calls { step, name in
      _ = renames.calls.probe?(step, name)
      return renames.taken.filter { $0.step == .rename }.count == 2 ? EIO : 0
    }
    #expect(throws: FileOutputError.self) {
      try file.write(content("two", version: 2), until: end + 3600, rotation: 42)
    }
    #expect(self.file.content == .present(rotation: 41, end: end))
  }
}
