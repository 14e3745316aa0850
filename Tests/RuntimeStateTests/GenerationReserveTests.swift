import Core
import Glibc
import Logs
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing

@testable import RuntimeState
@testable import FileOutput

@Suite struct GenerationReserveTests {
  /// In milliseconds since 1970.
  private static let wall: Int64 = 1_796_000_000_000

  private let directory: TemporaryDirectory
  private let bench: Bench
  private let role: ManagedRole
  private let recorder = LogRecorder()

  init() throws {
    directory = try TemporaryDirectory()
    bench = try Bench()
    role = bench.add("a")
  }

  private func reserve(_ file: GenerationFile) throws -> GenerationReserve {
    bench.scheduler.wallMicroseconds = Self.wall * 1000
    return try GenerationReserve(file, refresher: bench.refresher, scheduler: bench.scheduler, log: recorder.log)
  }

  /// Each rotation of each of thousands of roles wrote the numbers of all of them, in vain.
  @Test func `a file that can't be written is tried again after a few seconds, and not by each rotation`() throws {
    let file = GenerationFile(path: directory.path("later/generations"))
    let reserve = try reserve(file)
    reserve.willPublish(role, generation: 1)
    #expect(recorder.all.count == 1)
    #expect(mkdir(directory.path("later"), 0o700) == 0)
    reserve.willPublish(role, generation: 2)
    bench.advance(.seconds(4))
    reserve.willPublish(role, generation: 3)
    #expect(try file.read().numbers.isEmpty && role.coveredGeneration == 0)
    bench.advance(.seconds(1))
    reserve.willPublish(role, generation: 4)
    #expect(try file.read().numbers == [role.name: 64] && role.coveredGeneration == 64)
    #expect(
      recorder.all.count == 2 && recorder.all[1] == "notice: generation numbers are saved again path=\(file.path)")
  }

  /// Nobody who had made room learned that it was enough, until the next rotation.
  @Test func `a failure names its fix, and is tried again though no role rotates`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    #expect(mkdir("\(file.path).new", 0o700) == 0)
    let reserve = try reserve(file)
    reserve.willPublish(role, generation: 1)
    #expect(recorder.all.count == 1 && recorder.all[0].contains("advice=move away what is in the way at"))
    reserve.retryFailed()
    #expect(recorder.all.count == 1)
    #expect(rmdir("\(file.path).new") == 0)
    reserve.retryFailed()
    #expect(recorder.all.count == 2 && recorder.all[1].hasPrefix("notice: generation numbers are saved again"))
    #expect(try file.read().numbers == [role.name: 64])
    unlink(file.path)
    reserve.retryFailed()
    #expect(access(file.path, F_OK) != 0, "nothing to try again")
  }

  @Test func `whatever failed before, what was used is written at the end`() throws {
    let file = GenerationFile(path: directory.path("later/generations"))
    let reserve = try reserve(file)
    reserve.willPublish(role, generation: 1)
    #expect(mkdir(directory.path("later"), 0o700) == 0)
    bench.grantAll()
    reserve.settle()
    #expect(try file.read().numbers == [role.name: 1])
  }

  /// A checksum of the file was in the store before the file was there: a process killed in between left a store that wasn't believed.
  @Test
  func `what is new is published once the file names the store that has it, and what was handed over changes nothing`()
    throws
  {
    let file = GenerationFile(path: directory.path("generations"))
    try file.write([(role.name, 64)], firstStore: 7)
    let reserve = try reserve(file)
    #expect(reserve.isAll(inStore: 7) && reserve.isAll(inStore: 8) && !reserve.isAll(inStore: 6))
    #expect(reserve.nextStore == 8)
    reserve.firstStore = { 8 }
    reserve.willPublish(role, generation: role.generation)
    reserve.cover([], [RecordedDirectory(role: role.name, settingsFile: "/s")])
    #expect(try file.read().firstStore == 7)
    reserve.willPublish(role, generation: role.generation + 1)
    #expect(try file.read().firstStore == 8)
    reserve.firstStore = { nil }
    reserve.willPublish(role, generation: role.generation + 1)
    #expect(try file.read().firstStore == nil && !self.reserve(file).isAll(inStore: 8))
  }

  @Test func `without a file of an earlier process nothing speaks against a store`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    #expect(try reserve(file).isAll(inStore: 1))
    try directory.write("half", to: "generations")
    #expect(try reserve(file).isAll(inStore: 1))
  }

  @Test func `a number that the file of an earlier process covers is published without another write`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    try file.write([(role.name, 64)])
    let reserve = try reserve(file)
    unlink(file.path)
    reserve.willPublish(role, generation: 64)
    #expect(access(file.path, F_OK) != 0 && role.coveredGeneration == 64)
    reserve.willPublish(role, generation: 65)
    #expect(access(file.path, F_OK) == 0)
  }

  /// Roles without files began again at 1, and others at what their files said, which may be less than what was read at the socket.
  @Test func `after a file that can't be read every role goes on above all that it may have had`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    try file.write([(role.name, 71)])
    #expect(truncate(file.path, 20) == 0)
    let reserve = try reserve(file)
    #expect(recorder.all.count == 1 && recorder.all[0].contains("continuing from the current time"))
    let floor = UInt64(Self.wall)
    let (silent, withFiles) = (bench.add("silent"), Bench.role("with-files"))
    bench.refresher.add(withFiles, generation: 70)
    for role in [silent, bench.refresher.roles[withFiles.name]!] { #expect(role.machine.generation == floor) }
    // Also one that comes after a further restart: what it had was in the damaged file alone.
    reserve.willPublish(silent, generation: floor + 1)
    let next = try Bench()
    _ = try GenerationReserve(
      file, refresher: next.refresher, scheduler: next.scheduler, log: recorder.log)
    #expect(next.add("later").machine.generation == floor)
    #expect(next.add("silent").machine.generation == floor + 64)
    #expect(recorder.all.count == 1)
  }

  /// The numbers of the last write that succeeded stayed, lower than those that readers saw since.
  @Test func `numbers that can't be saved are spoilt once one beyond them is published, and not before`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    let reserve = try reserve(file)
    reserve.willPublish(role, generation: 1)
    #expect(try file.read().numbers == [role.name: 64])
    #expect(mkdir("\(file.path).new", 0o700) == 0)
    reserve.settle()
    #expect(try file.read().numbers == [role.name: 64])
    bench.advance(.seconds(5))
    role.coveredGeneration = 0
    bench.grantAll()
    reserve.willPublish(role, generation: 1)
    #expect(throws: GenerationFile.Failure.self) { try file.read() }
    #expect(recorder.all.count == 1)
    #expect(rmdir("\(file.path).new") == 0)
    reserve.settle()
    #expect(try file.read().numbers == [role.name: 1])
  }

  @Test func `an output is in the file before it is written, and until it isn't one any more`() throws {
    func output(_ path: String) throws -> RecordedOutput {
      RecordedOutput(role: role.name, uid: 1, settingsFile: "/s", path: try #require(OutputPath(path)))
    }
    let file = GenerationFile(path: directory.path("generations"))
    let reserve = try reserve(file)
    let (old, new) = (try output("/srv/old"), try output("/srv/new"))
    reserve.outputs = { [old] }
    reserve.cover([old.asPlanned])
    #expect(try file.read().outputs == [old])
    unlink(file.path)
    reserve.cover([old.asPlanned])
    #expect(access(file.path, F_OK) != 0, "nothing new")
    reserve.settle()
    #expect(try file.read().outputs == [old])
    reserve.cover([new])
    #expect(try Set(file.read().outputs) == [old, new])
    reserve.outputs = { [new] }
    reserve.settle()
    #expect(try file.read().outputs == [new])
    let next = try self.reserve(file)
    #expect(next.takeFormerOutputs() == [new] && next.takeFormerOutputs().isEmpty)
  }

  @Test func `a role's directory is in the file, and which file of the settings names the role`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    let reserve = try reserve(file)
    let recorded = RecordedDirectory(role: role.name, settingsFile: "/etc/rolekeeper/roles.d/a.toml")
    reserve.cover([], [recorded])
    #expect(try file.read().directories == [recorded])
    #expect(try self.reserve(file).formerDirectories == [recorded])
    let moved = RecordedDirectory(role: role.name, settingsFile: "/etc/rolekeeper/rolekeeper.toml")
    reserve.cover([], [moved])
    reserve.directories = { [moved] }
    reserve.settle()
    #expect(try file.read().directories == [moved])
  }

  /// A file that nothing could be written to was reported as removed, or as not removed, at every start.
  @Test func `an output is planned in the file until something is written there`() throws {
    let file = GenerationFile(path: directory.path("generations"))
    let reserve = try reserve(file)
    let path = try #require(OutputPath("/srv/new"))
    let output = RecordedOutput(role: role.name, uid: 1, settingsFile: "/s", path: path)
    reserve.cover([output.asPlanned])
    #expect(try file.read().outputs == [output.asPlanned])
    reserve.outputs = { [output] }
    reserve.coverWritten()
    #expect(try file.read().outputs == [output])
  }
}
