import Core
import Simulation
import TestSupport
import Testing

@Suite struct BackoffTests {
  private static func waits(after failures: [Failure], seed: UInt64 = 1) -> [Duration] {
    var generator = SeededGenerator(seed: seed)
    var backoff = Backoff()
    return failures.map { backoff.wait(after: $0, using: &generator) }
  }

  struct Case: Sendable {
    let name: String
    let failure: Failure
    let first: ClosedRange<Duration>
    let last: ClosedRange<Duration>
  }

  @Test(arguments: [
    Case(name: "transient", failure: .network, first: .milliseconds(100)...(.seconds(1)), last: .zero...(.seconds(60))),
    Case(name: "throttled", failure: .busy, first: .seconds(5)...(.seconds(10)), last: .seconds(150)...(.seconds(300))),
    Case(
      name: "permanent", failure: .forbidden, first: .seconds(30)...(.seconds(60)),
      last: .seconds(300)...(.seconds(600))),
  ])
  func `each class of failure has its own back-off levels`(_ row: Case) {
    for seed in 1...20 as ClosedRange<UInt64> {
      let waits = Self.waits(after: Array(repeating: row.failure, count: 20), seed: seed)
      #expect(row.first.contains(waits[0]), "\(row.name), seed \(seed): first wait \(waits[0])")
      #expect(row.last.contains(waits[19]), "\(row.name), seed \(seed): 20th wait \(waits[19])")
    }
  }

  /// An overloaded server that requested a wait of 20 s was called five times in twelve seconds.
  @Test(
    arguments: [
      .transient, .throttled(wait: nil), .throttled(wait: .seconds(20)), .permanent, .skew, .nonceUsed, .identityLapsed,
    ] as [Failure.Kind])
  func `no class retries before the wait that the peer requested`(_ kind: Failure.Kind) {
    let failure = Failure(kind, code: "Busy", notBefore: .seconds(20), advice: "")
    for seed in 1...20 as ClosedRange<UInt64> {
      for wait in Self.waits(after: Array(repeating: failure, count: 12), seed: seed) {
        #expect((.seconds(20)...(.minutes(10))).contains(wait), "seed \(seed)")
      }
    }
    let first = Set((1...20).map { Self.waits(after: [failure], seed: $0)[0] })
    #expect(first.count > 10, "not all at one moment")
  }

  @Test func `a requested wait beyond five minutes counts as five minutes`() {
    let failure = Failure(.transient, code: "Busy", notBefore: .hours(24), advice: "")
    let wait = Self.waits(after: [failure])[0]
    #expect((.seconds(300)...(.seconds(330))).contains(wait))
  }

  @Test func `late transient waits are spread over half a minute, so that hosts don't retry together`() {
    let late = (1...200).map { Self.waits(after: Array(repeating: .network, count: 8), seed: $0)[7].inSeconds }
    #expect((late.min() ?? 60) < 32 && (late.min() ?? 0) >= 30)
    #expect((late.max() ?? 0) > 58 && (late.max() ?? 61) <= 60)
  }

  /// Waits from zero up to the longest would make it twice the mean, and no fleet could keep to that.
  @Test func `the first seconds after a long outage are at most 1.5 times as busy as the minute's mean`() {
    let outage = 600.0
    var counts = Array(repeating: 0, count: 10)
    for seed in 1...3000 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var backoff = Backoff()
      var instant = 0.0
      while instant < outage {
        instant += backoff.wait(after: .network, headroom: .minutes(20), using: &generator).inSeconds
      }
      let part = Int((instant - outage) / 6)
      if part < 10 { counts[part] += 1 }
    }
    #expect(counts.reduce(0, +) >= 2990, "all come back within the minute: \(counts)")
    #expect((counts.max() ?? 0) < 450, "\(counts)")
  }

  @Test func `a role with headroom retries once soon, then waits a tenth of the headroom, up to a minute`() {
    for seed in 1...20 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var backoff = Backoff()
      let waits = [Duration.minutes(20), .minutes(20), .minutes(5), .seconds(30), .zero].map {
        backoff.wait(after: .network, headroom: $0, using: &generator)
      }
      #expect(waits[0] <= .seconds(1))
      #expect((Duration.seconds(30)...(.seconds(60))).contains(waits[1]), "with 20 min left: \(waits[1])")
      #expect((Duration.seconds(15)...(.seconds(30))).contains(waits[2]), "with 5 min left: \(waits[2])")
      #expect(
        (Duration.seconds(4)...(.seconds(8))).contains(waits[3]), "with 30 s left, by the back-off level: \(waits[3])")
      #expect(
        (Duration.seconds(8)...(.seconds(16))).contains(waits[4]), "with none left, by the back-off level: \(waits[4])")
    }
  }

  @Test func `throttling right after an outage leads to a longer wait than throttling by itself`() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let waits = Self.waits(after: [.network, .network, .network, .busy, .busy], seed: seed)
      #expect((Duration.seconds(20)...(.seconds(40))).contains(waits[3]), "\(waits)")
      #expect((Duration.seconds(40)...(.seconds(80))).contains(waits[4]), "\(waits)")
    }
  }

  @Test func `when the same wait is requested repeatedly, roles spread over a minute beyond it`() {
    let failure = Failure(.throttled(wait: .seconds(3)), code: "Throttling", advice: "")
    let late = (1...100).map { Self.waits(after: Array(repeating: failure, count: 12), seed: $0)[11].inSeconds }
    #expect((late.min() ?? 0) >= 33 && (late.max() ?? 0) > 58 && (late.max() ?? 99) <= 63, "\(late)")
  }

  /// Otherwise our own wait would let a session lapse that could have been replaced after the wait that the server requested.
  @Test func `when the same wait is requested repeatedly, a role adds no more than its maximum wait`() {
    let failure = Failure(.throttled(wait: .milliseconds(300)), code: "Throttling", advice: "")
    for seed in 1...20 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var backoff = Backoff()
      for round in 0..<20 {
        let wait = backoff.wait(after: failure, headroom: .seconds(10), using: &generator)
        #expect(wait >= .milliseconds(300) && wait <= .milliseconds(1300), "seed \(seed), round \(round): \(wait)")
      }
    }
  }

  @Test func `a server that alternately throttles and fails is also asked less and less`() {
    let row = Array(repeating: [Failure.network, .busy], count: 4).flatMap(\.self)
    for seed in 1...20 as ClosedRange<UInt64> {
      let waits = Self.waits(after: row, seed: seed)
      #expect(waits[6] >= .seconds(2), "seed \(seed): \(waits)")
      #expect(waits[7] >= .seconds(20), "seed \(seed): \(waits)")
    }
  }

  @Test func `a wait that the server requests is observed, with a tenth of jitter, up to five minutes`() {
    let failure = Failure(.throttled(wait: .seconds(20)), code: "Throttling", advice: "")
    let endless = Failure(.throttled(wait: .hours(9)), code: "Throttling", advice: "")
    #expect((Duration.seconds(20)...(.seconds(22))).contains(Self.waits(after: [failure])[0]))
    #expect((Duration.seconds(300)...(.seconds(330))).contains(Self.waits(after: [endless])[0]))
  }

  @Test(arguments: [Failure.Kind.skew, .nonceUsed, .identityLapsed])
  func `a failure that a new request may fix is retried at once, but only once`(_ kind: Failure.Kind) {
    let failure = Failure(kind, code: "Code", advice: "")
    let waits = Self.waits(after: [failure, failure, failure])
    #expect(waits[0] == .zero)
    #expect(waits[1] > .zero)
    #expect(waits[2] > .zero)
  }
}
