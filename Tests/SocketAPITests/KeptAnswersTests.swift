import Core
import HTTPServer
import TestSupport
import Testing

@testable import SocketAPI

/// What takes long to render is kept for a moment, and for no longer.
@Suite struct KeptAnswersTests {
  private func peer(_ uid: UInt32, pid: Int32 = 1) -> Peer { Peer(uid: uid, gid: uid, pid: pid, groups: []) }

  @Test func `an answer is given again for 200 ms and not a moment longer`() throws {
    let clock = VirtualScheduler()
    let kept = try KeptAnswers(scheduler: clock)
    var rendered: [String] = []
    func ask() {
      _ = kept.list(for: peer(1)) {
        rendered.append("list")
        return Answer.text("a")
      }
      _ = kept.health {
        rendered.append("health")
        return Answer.text("a")
      }
    }
    ask()
    clock.advance(by: .microseconds(199_999))
    ask()
    #expect(rendered == ["list", "health"])
    clock.advance(by: .microseconds(1))
    ask()
    #expect(rendered == ["list", "health", "list", "health"])
    kept.dropAll()
    ask()
    #expect(rendered.count == 6)
  }

  @Test func `nobody gets the list of somebody with other rights`() throws {
    let kept = try KeptAnswers(scheduler: VirtualScheduler())
    var renderings = 0
    for uid: UInt32 in [1, 2, 1, 2] {
      _ = kept.list(for: peer(uid)) {
        renderings += 1
        return Answer.text("\(uid)")
      }
    }
    #expect(renderings == 2)
    _ = kept.list(for: peer(1, pid: 2)) {
      renderings += 1
      return Answer.text("1")
    }
    #expect(renderings == 2, "another process of the same user has the same rights")
  }

  /// With 10,000 roles each of up to 64 lists took some 3 MB until the next reload.
  @Test func `answers that nobody asks for again leave the memory`() throws {
    let clock = VirtualScheduler()
    let kept = try KeptAnswers(scheduler: clock)
    for uid: UInt32 in 0..<3 { _ = kept.list(for: peer(uid)) { Answer.text("a") } }
    _ = kept.health { Answer.text("a") }
    #expect(kept.count == 4)
    clock.advance(by: .milliseconds(199))
    #expect(kept.count == 4)
    clock.advance(by: .milliseconds(1))
    #expect(kept.count == 0)
  }

  @Test func `one that was kept later leaves later`() throws {
    let clock = VirtualScheduler()
    let kept = try KeptAnswers(scheduler: clock)
    _ = kept.list(for: peer(1)) { Answer.text("a") }
    clock.advance(by: .milliseconds(100))
    _ = kept.health { Answer.text("a") }
    clock.advance(by: .milliseconds(100))
    #expect(kept.count == 1)
    clock.advance(by: .milliseconds(100))
    #expect(kept.count == 0)
  }
}
