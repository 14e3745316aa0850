import Core
import HTTPServer
import TestSupport
import Testing

@testable import SocketAPI

/// Answers that take long to render are cached for a moment, and no longer.
@Suite struct AnswerCacheTests {
  private let clock = VirtualScheduler()
  private let cache: AnswerCache
  private let answer = Answer.text("a")

  init() throws { cache = try AnswerCache(scheduler: clock) }

  private func list(_ uid: UInt32, pid: Int32 = 1) -> LongAnswers.Subject {
    .list(LongAnswers.Rights(Peer(uid: uid, gid: uid, pid: pid, groups: [])))
  }

  @Test func `an answer is cached for 200 ms and not a moment longer`() {
    cache.store(answer, of: list(1), since: clock.time)
    cache.store(answer, of: .health, since: clock.time)
    clock.advance(by: .microseconds(199_999))
    #expect(cache.response(list(1)) != nil && cache.response(.health) != nil)
    clock.advance(by: .microseconds(1))
    #expect(cache.response(list(1)) == nil && cache.response(.health) == nil)
    cache.store(answer, of: .health, since: clock.time)
    cache.dropAll()
    #expect(cache.response(.health) == nil)
  }

  @Test func `the time counts from when the answer was begun`() {
    let start = clock.time
    clock.advance(by: .milliseconds(150))
    cache.store(answer, of: .health, since: start)
    clock.advance(by: .milliseconds(49))
    #expect(cache.response(.health) != nil)
    clock.advance(by: .milliseconds(1))
    #expect(cache.response(.health) == nil)
    cache.store(answer, of: .health, since: start)
    #expect(cache.count == 0, "it was old when it was done")
  }

  @Test func `a list isn't shared between callers with different rights`() {
    cache.store(answer, of: list(1), since: clock.time)
    #expect(cache.response(list(2)) == nil && cache.response(.health) == nil)
    #expect(cache.response(list(1, pid: 2)) != nil, "another process of the same user has the same rights")
  }

  /// With 10,000 roles each of up to 64 lists took some 3 MB until the next reload.
  @Test func `answers that aren't requested again leave the memory`() {
    for uid: UInt32 in 0..<3 { cache.store(answer, of: list(uid), since: clock.time) }
    cache.store(answer, of: .health, since: clock.time)
    #expect(cache.count == 4)
    clock.advance(by: .milliseconds(199))
    #expect(cache.count == 4)
    clock.advance(by: .milliseconds(1))
    #expect(cache.count == 0)
  }

  @Test func `no more than 64 answers are cached`() {
    for uid: UInt32 in 0..<65 { cache.store(answer, of: list(uid), since: clock.time) }
    #expect(cache.count == 1)
  }

  @Test func `an answer cached later leaves later`() {
    cache.store(answer, of: list(1), since: clock.time)
    clock.advance(by: .milliseconds(100))
    cache.store(answer, of: .health, since: clock.time)
    clock.advance(by: .milliseconds(100))
    #expect(cache.count == 1)
    clock.advance(by: .milliseconds(100))
    #expect(cache.count == 0)
  }
}
