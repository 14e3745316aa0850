import Core
import Glibc
import Secrets
import TestSupport
import Testing

@testable import RuntimeState
@testable import FileOutput

@Suite struct StopCleanupTests {
  /// What else is there may be systemd's, as the sockets of its socket units are.
  @Test func `a stop removes the roles' directories, and nothing else of the directory`() throws {
    let directory = try TemporaryDirectory()
    let place = directory.path("run")
    for made in ["run", "run/roles", "run/roles/uploader"] { mkdir(directory.path(made), 0o711) }
    try directory.write("credential", to: "run/roles/uploader/credentials.json")
    try GenerationFile(inRuntimeDirectory: place).write([])
    try directory.write("", to: "run/rolekeeper.sock")
    let log = LogRecorder()
    #expect(StopCleanup(unit: "rolekeeper.service", directory: place, log: log.log).remove())
    #expect(access("\(place)/roles", F_OK) != 0 && access("\(place)/generations", F_OK) == 0)
    #expect(access("\(place)/rolekeeper.sock", F_OK) == 0)
    #expect(log.all.isEmpty)
  }

  /// It stayed for ever, where `files.directory` isn't in the runtime directory, or was another one before.
  @Test func `a stop removes roles' files in all directories that are recorded`() throws {
    let directory = try TemporaryDirectory()
    let place = directory.path("run")
    mkdir(place, 0o711)
    let name = OutputName("a")!
    let file = OutputFile(.inRoleDirectory(name), uid: geteuid(), gid: getegid(), mode: 0o400)
    for parent in ["now", "before"] {
      var written = RoleDirectory(parent: directory.path(parent), role: "uploader", [(name, file)])
      let text = Secret(copying: Array("text".utf8).span)
      _ = try written.write([SealedContent(text, version: 1)], until: time(nil) + 3600)
      mkdir(directory.path("\(parent)/somebody's"), 0o755)
    }
    let recorded = ["now", "before"].map {
      RecordedDirectory(role: RoleName("uploader")!, settingsFile: "/s", parent: directory.path($0))
    }
    try GenerationFile(inRuntimeDirectory: place).write([], directories: recorded)
    let log = LogRecorder()
    #expect(StopCleanup(unit: "rolekeeper.service", directory: place, log: log.log).remove())
    for parent in ["now", "before"] {
      #expect(access(directory.path("\(parent)/uploader"), F_OK) != 0)
      #expect(access(directory.path("\(parent)/somebody's"), F_OK) == 0)
    }
    #expect(log.all.isEmpty)
  }

  @Test func `what can't be removed is reported with the command that does it`() throws {
    let directory = try TemporaryDirectory()
    let log = LogRecorder()
    let missing = directory.path("none")
    #expect(!StopCleanup(unit: "rolekeeper.service", directory: missing, log: log.log).remove())
    let line = try #require(log.all.first)
    #expect(log.all.count == 1 && line.hasPrefix("error: credential files not removed"))
    #expect(line.contains(missing) && line.contains("run: sudo rm -rf \(missing)/roles"))
  }

  /// After the proposed command a credential file elsewhere was left.
  @Test func `where it isn't known what the end was, files in other places are named`() throws {
    let directory = try TemporaryDirectory()
    let cleanup = StopCleanup(unit: "rolekeeper.service", directory: directory.path, log: LogRecorder().log)
    let roles = "if the service is to stay stopped, run: sudo rm -rf \(directory.path)/roles"
    #expect(cleanup.wholeRemedy == roles)
    let names = try ["there", "gone"].map { name in
      let path = try #require(OutputPath(directory.path(name)))
      return RecordedOutput(role: try #require(RoleName("uploader")), uid: geteuid(), settingsFile: nil, path: path)
    }
    try GenerationFile(inRuntimeDirectory: directory.path).write([], outputs: names)
    try directory.write("credential", to: "there")
    #expect(cleanup.wholeRemedy == "\(roles) \(directory.path("there"))")
  }
}
