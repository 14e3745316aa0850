import Core
import HTTPServer
import TestSupport
import Testing

@testable import SocketAPI

/// What takes long to render is kept for a moment, and for no longer.
@Suite struct KeptAnswersTests {
  private let clock = VirtualScheduler()
  private let kept: KeptAnswers
  private let answer = Answer.text("a")

  init() throws { kept = try KeptAnswers(scheduler: clock) }

  private func list(_ uid: UInt32, pid: Int32 = 1) -> LongAnswers.Subject {
    .list(LongAnswers.Rights(Peer(uid: uid, gid: uid, pid: pid, groups: [])))
  }

  @Test func `an answer is given again for 200 ms and not a moment longer`() {
    kept.keep(answer, of: list(1), since: clock.time)
    kept.keep(answer, of: .health, since: clock.time)
    clock.advance(by: .microseconds(199_999))
    #expect(kept.response(list(1)) != nil && kept.response(.health) != nil)
    clock.advance(by: .microseconds(1))
    #expect(kept.response(list(1)) == nil && kept.response(.health) == nil)
    kept.keep(answer, of: .health, since: clock.time)
    kept.dropAll()
    #expect(kept.response(.health) == nil)
  }

  @Test func `the time counts from when the making began`() {
    let start = clock.time
    clock.advance(by: .milliseconds(150))
    kept.keep(answer, of: .health, since: start)
    clock.advance(by: .milliseconds(49))
    #expect(kept.response(.health) != nil)
    clock.advance(by: .milliseconds(1))
    #expect(kept.response(.health) == nil)
    kept.keep(answer, of: .health, since: start)
    #expect(kept.count == 0, "it was old when it was done")
  }

  @Test func `nobody gets the list of somebody with other rights`() {
    kept.keep(answer, of: list(1), since: clock.time)
    #expect(kept.response(list(2)) == nil && kept.response(.health) == nil)
    #expect(kept.response(list(1, pid: 2)) != nil, "another process of the same user has the same rights")
  }

  /// With 10,000 roles each of up to 64 lists took some 3 MB until the next reload.
  @Test func `answers that nobody asks for again leave the memory`() {
    for uid: UInt32 in 0..<3 { kept.keep(answer, of: list(uid), since: clock.time) }
    kept.keep(answer, of: .health, since: clock.time)
    #expect(kept.count == 4)
    clock.advance(by: .milliseconds(199))
    #expect(kept.count == 4)
    clock.advance(by: .milliseconds(1))
    #expect(kept.count == 0)
  }

  @Test func `no more than 64 are kept`() {
    for uid: UInt32 in 0..<65 { kept.keep(answer, of: list(uid), since: clock.time) }
    #expect(kept.count == 1)
  }

  @Test func `one that was kept later leaves later`() {
    kept.keep(answer, of: list(1), since: clock.time)
    clock.advance(by: .milliseconds(100))
    kept.keep(answer, of: .health, since: clock.time)
    clock.advance(by: .milliseconds(100))
    #expect(kept.count == 1)
    clock.advance(by: .milliseconds(100))
    #expect(kept.count == 0)
  }
}
