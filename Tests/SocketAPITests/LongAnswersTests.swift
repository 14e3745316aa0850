import Core
import Systemd
import TestSupport
import Testing

@testable import HTTPServer
@testable import SocketAPI

/// Long answers are made in slices, between which others have their turn.
@Suite final class LongAnswersTests {
  private let clock = VirtualScheduler()
  private var answers: LongAnswers!
  private var completed: [(token: ResponseToken, text: String)] = []
  /// The answers begun and completed, in order.
  private var made: [String] = []

  init() throws {
    answers = try LongAnswers(scheduler: clock) { [unowned self] in completed.append(($0, Self.text($1))) }
  }

  /// Each of its steps takes 100 µs.
  private final class Maker: AnswerMaker {
    private let name: String
    private var left: Int
    private unowned let test: LongAnswersTests

    init(_ name: String, bits: Int, _ test: LongAnswersTests) {
      (self.name, left, self.test) = (name, bits, test)
      test.made.append("begin \(name)")
    }

    func step() -> Response? {
      left -= 1
      test.clock.time = test.clock.time + .microseconds(100)
      test.made.append(name)
      return left == 0 ? Answer.text(name) : nil
    }
  }

  private static func text(_ response: Response) -> String {
    var text = ""
    response.body?.withBytes { text = $0.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    return text
  }

  private func token(_ number: UInt64) -> ResponseToken { ResponseToken(slot: 1, serial: number) }

  private func list(_ uid: UInt32) -> LongAnswers.Subject {
    .list(LongAnswers.Rights(Peer(uid: uid, gid: uid, pid: 1, groups: [])))
  }

  /// The answer, if there is one at once.
  private func ask(
    _ subject: LongAnswers.Subject = .metrics, _ number: UInt64 = 1, _ name: String = "a", bits: Int
  ) -> String? {
    answers.answer(subject, to: token(number)) { [unowned self] in Maker(name, bits: bits, self) }.map(Self.text)
  }

  /// Turns the loop until `count` requests have been completed: other deferred work has its turn, too.
  private func turnsUntilCompleted(_ count: Int) -> Int {
    var turns = 0
    let others = clock.deferred { turns += 1 }
    while completed.count < count, turns < 100 {
      others.schedule()
      clock.turn()
    }
    return turns
  }

  @Test func `a short answer is sent at once`() {
    #expect(ask(bits: 3) == "a")
    #expect(made == ["begin a", "a", "a", "a"] && completed.isEmpty)
    clock.settle()
    #expect(made.count == 4)
  }

  @Test func `a long answer comes later, and others have their turn in between`() {
    #expect(ask(bits: 10) == nil)
    #expect(made == ["begin a", "a", "a", "a"])
    #expect(turnsUntilCompleted(1) == 3)
    #expect(made.count == 11)
    #expect(completed.map(\.token) == [token(1)] && completed.map(\.text) == ["a"])
    clock.settle()
    #expect(completed.count == 1)
  }

  @Test func `a request for an answer in progress gets that answer`() {
    #expect(ask(bits: 10) == nil)
    #expect(ask(.metrics, 2, "b", bits: 1) == nil)
    clock.settle()
    #expect(completed.map(\.token) == [token(1), token(2)] && completed.map(\.text) == ["a", "a"])
    #expect(!made.contains("begin b"))
    #expect(ask(.metrics, 3, "c", bits: 1) == "c", "it isn't being made any more")
  }

  @Test func `long answers are made one after the other, each begun at its turn`() {
    #expect(ask(bits: 4) == nil)
    #expect(ask(.status, 2, "b", bits: 4) == nil)
    #expect(ask(.health, 3, "c", bits: 1) == nil)
    clock.settle()
    #expect(completed.map(\.text) == ["a", "b", "c"])
    #expect(made == ["begin a", "a", "a", "a", "a", "begin b", "b", "b", "b", "b", "begin c", "c"])
  }

  @Test func `the list and the health are cached for 200 ms from their start, the others aren't`() {
    let start = clock.time
    for (number, subject) in [list(1), .health, .metrics, .status].enumerated() {
      #expect(ask(subject, UInt64(number), "a", bits: 1) == "a")
    }
    clock.time = start + .microseconds(199_999)
    #expect(ask(list(1), 5, "b", bits: 1) == "a" && ask(.health, 6, "b", bits: 1) == "a")
    #expect(ask(.metrics, 7, "b", bits: 1) == "b" && ask(.status, 8, "b", bits: 1) == "b")
    // Meanwhile 200 µs have passed.
    #expect(ask(list(1), 9, "c", bits: 1) == "c" && ask(.health, 10, "c", bits: 1) == "c")
  }

  @Test func `a list isn't shared between callers with different rights`() {
    #expect(ask(list(1), 1, "a", bits: 4) == nil)
    #expect(ask(list(2), 2, "b", bits: 4) == nil)
    clock.settle()
    #expect(completed.map(\.text) == ["a", "b"])
    #expect(ask(list(2), 3, "c", bits: 1) == "b")
  }

  @Test func `an answer whose only client leaves is abandoned`() {
    #expect(ask(bits: 10) == nil)
    answers.forget(token(1))
    clock.settle()
    #expect(made.count == 4 && completed.isEmpty)
    #expect(ask(.metrics, 2, "b", bits: 1) == "b")
  }

  @Test func `one of two clients leaving doesn't affect the other`() {
    #expect(ask(bits: 10) == nil)
    #expect(ask(.metrics, 2, bits: 10) == nil)
    answers.forget(token(1))
    clock.settle()
    #expect(completed.map(\.token) == [token(2)])
  }

  @Test func `the next answer continues when the client of the first leaves`() {
    #expect(ask(bits: 10) == nil)
    #expect(ask(.status, 2, "b", bits: 4) == nil)
    answers.forget(token(1))
    clock.settle()
    #expect(completed.map(\.text) == ["b"])
  }

  @Test func `clients of a replaced server are forgotten, and new ones answered`() {
    #expect(ask(bits: 10) == nil)
    #expect(ask(.status, 2, bits: 10) == nil)
    answers.forgetAll()
    #expect(ask(.metrics, 3, "b", bits: 4) == nil)
    clock.settle()
    #expect(completed.map(\.token) == [token(3)] && completed.map(\.text) == ["b"])
  }

  @Test func `after a reload an answer in progress starts again, and the cache is cleared`() {
    #expect(ask(.health, 1, "kept", bits: 1) == "kept")
    #expect(ask(list(1), 2, "a", bits: 4) == nil)
    answers.beginAgain()
    made = []
    clock.settle()
    #expect(made == ["begin a", "a", "a", "a", "a"] && completed.map(\.token) == [token(2)])
    #expect(ask(.health, 3, "new", bits: 1) == "new")
  }

  /// A former administrator got the status under settings in which it no longer is one.
  @Test func `a client that may no longer see an answer is refused as soon as the settings change`() {
    var isAllowed = true
    let refusal = { isAllowed ? nil : Answer.text("refused") }
    #expect(answers.answer(.status, to: token(1), orElse: refusal) { Maker("a", bits: 4, self) } == nil)
    #expect(answers.answer(.status, to: token(2)) { Maker("a", bits: 4, self) } == nil)
    answers.beginAgain()
    #expect(completed.isEmpty)
    isAllowed = false
    answers.beginAgain()
    #expect(completed.map(\.token) == [token(1)] && completed.map(\.text) == ["refused"])
    clock.settle()
    #expect(completed.map(\.token) == [token(1), token(2)] && completed.last?.text == "a")
  }

  @Test func `an answered client may ask again at once`() throws {
    answers = try LongAnswers(scheduler: clock) { [unowned self] in
      completed.append(($0, Self.text($1)))
      if completed.count == 1 { #expect(ask(.metrics, 2, "b", bits: 4) == nil) }
    }
    #expect(ask(bits: 4) == nil)
    clock.settle()
    #expect(completed.map(\.text) == ["a", "b"])
  }
}
