import Core
import Systemd
import TestSupport
import Testing

@testable import Daemon

@Suite struct MemoryTrimmerTests {
  private final class Host {
    let scheduler = VirtualScheduler()
    var isQuiet = true
    /// When memory was given back, in seconds from the start.
    var trimmed: [Int] = []
  }

  private let host = Host()
  private let trimmer: MemoryTrimmer

  init() throws {
    let (host, start) = (host, host.scheduler.time)
    trimmer = try MemoryTrimmer(
      scheduler: host.scheduler, isQuiet: { host.isQuiet },
      trim: { host.trimmed.append(Int((host.scheduler.time - start) / .seconds(1))) })
  }

  @Test func `memory is given back a second after much work, once`() {
    host.scheduler.advance(by: .seconds(600))
    #expect(host.trimmed.isEmpty)
    trimmer.muchWasDone()
    trimmer.muchWasDone()
    host.scheduler.advance(by: .seconds(600))
    #expect(host.trimmed == [601])
  }

  @Test func `it waits until nothing is under way`() {
    host.isQuiet = false
    trimmer.muchWasDone()
    host.scheduler.advance(by: .milliseconds(5500))
    #expect(host.trimmed.isEmpty)
    host.isQuiet = true
    host.scheduler.advance(by: .seconds(1))
    #expect(host.trimmed == [6])
  }

  @Test func `after much work again it waits for the end of the minute`() {
    trimmer.muchWasDone()
    host.scheduler.advance(by: .seconds(10))
    trimmer.muchWasDone()
    host.scheduler.advance(by: .seconds(600))
    #expect(host.trimmed == [1, 61])
  }

  @Test func `eight sessions are much work, and are counted from the last time`() {
    for _ in 0..<7 { trimmer.sessionCame() }
    host.scheduler.advance(by: .seconds(600))
    #expect(host.trimmed.isEmpty)
    trimmer.sessionCame()
    host.scheduler.advance(by: .seconds(100))
    #expect(host.trimmed == [601])
    for _ in 0..<7 { trimmer.sessionCame() }
    host.scheduler.advance(by: .seconds(100))
    #expect(host.trimmed == [601])
  }
}
