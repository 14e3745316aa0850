import Core
import Glibc
import Logging
import TestSupport
import Testing

@testable import Daemon

@Suite struct GenerationReserveTests {
  private let directory: TemporaryDirectory
  private let bench: Bench
  private let role: KeptRole
  private let recorder = LogRecorder()

  init() throws {
    directory = try TemporaryDirectory()
    bench = try Bench()
    role = bench.add("a")
  }

  private func reserve(_ file: GenerationFile) -> GenerationReserve {
    let bench = bench
    return GenerationReserve(file, refresher: bench.refresher, logger: recorder.logger, time: { bench.now })
  }

  /// Each rotation of each of thousands of roles wrote the numbers of all of them, in vain.
  @Test func `a file that can't be written is tried again after a few seconds, and not by each rotation`() throws {
    let file = GenerationFile(path: directory.path("later/generations"))
    let reserve = reserve(file)
    reserve.cover(1, of: role)
    #expect(recorder.all.count == 1)
    #expect(mkdir(directory.path("later"), 0o700) == 0)
    reserve.cover(2, of: role)
    bench.advance(.seconds(4))
    reserve.cover(3, of: role)
    #expect(try file.read().isEmpty && role.coveredGeneration == 0)
    bench.advance(.seconds(1))
    reserve.cover(4, of: role)
    #expect(try file.read() == [role.name: 64] && role.coveredGeneration == 64)
    #expect(recorder.all.count == 1)
  }

  @Test func `whatever failed before, what was used is written at the end`() throws {
    let file = GenerationFile(path: directory.path("later/generations"))
    let reserve = reserve(file)
    reserve.cover(1, of: role)
    #expect(mkdir(directory.path("later"), 0o700) == 0)
    bench.grantAll()
    reserve.settle()
    #expect(try file.read() == [role.name: 1])
  }
}
