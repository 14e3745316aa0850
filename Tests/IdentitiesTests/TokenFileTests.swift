import Core
import Secrets
import Systemd
import TestSupport
import Testing

@testable import Identities

/// Token files on file systems that answer late or not at all.
@Suite struct TokenFileTests {
  private let directory: TemporaryDirectory
  private let scheduler = VirtualScheduler()
  private let file: TokenFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try TokenFile(
      try directory.write("aa.bb.cc\n", to: "token"), lengths: 4...100, mayOthersWrite: false, scheduler: scheduler)
  }

  /// A read and what it got: the token, or why there is none.
  private final class Reading {
    var outcomes: [String] = []
    var handle: AnyObject?
  }

  private func read() -> Reading {
    let reading = Reading()
    reading.handle = file.read { [unowned reading] outcome in
      switch outcome {
      case .success(let token): reading.outcomes.append(token.text)
      case .failure(let unusable): reading.outcomes.append(unusable.why)
      }
    }
    return reading
  }

  @Test func `the token comes in a later turn, read again for each reader`() throws {
    let first = read()
    #expect(first.outcomes.isEmpty)
    scheduler.settle()
    try directory.write("dd.ee.ff", to: "token")
    let second = read()
    scheduler.settle()
    #expect(first.outcomes == ["aa.bb.cc"] && second.outcomes == ["dd.ee.ff"])
    scheduler.advance(by: .minutes(1))
    #expect(first.outcomes.count == 1 && second.outcomes.count == 1)
  }

  /// The whole daemon stood still, and was ended by the watchdog.
  @Test func `a dead file system fails each reader after 3 s, and is asked by one thread at a time`() {
    scheduler.callsHang = true
    let first = read()
    scheduler.advance(by: .seconds(2))
    let second = read()
    scheduler.advance(by: .milliseconds(999))
    #expect(first.outcomes.isEmpty)
    scheduler.advance(by: .milliseconds(1))
    #expect(first.outcomes == ["its disk doesn't answer"] && second.outcomes.isEmpty)
    scheduler.advance(by: .seconds(2))
    #expect(second.outcomes == ["its disk doesn't answer"])
    // One more would need a thread.
    scheduler.callRefusal = LoopError(attempt: "start a thread", errno: 11)
    let third = read()
    scheduler.callsHang = false
    scheduler.settle()
    #expect(third.outcomes == ["aa.bb.cc"], "by the read that was under way")
  }

  @Test func `without a thread the reader learns that, in a later turn`() {
    scheduler.callRefusal = LoopError(attempt: "start a thread", errno: 11)
    let reading = read()
    #expect(reading.outcomes.isEmpty)
    scheduler.advance(by: .milliseconds(1))
    #expect(reading.outcomes == ["no thread is left to read it"])
    scheduler.callRefusal = nil
    let other = read()
    scheduler.settle()
    #expect(other.outcomes == ["aa.bb.cc"])
  }

  @Test func `a reader that has left isn't called`() {
    let reading = read()
    let other = read()
    reading.handle = nil
    scheduler.settle()
    #expect(reading.outcomes.isEmpty && other.outcomes == ["aa.bb.cc"])
  }
}
