import Core
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
  func `each class climbs its own ladder`(_ row: Case) {
    for seed in 1...20 as ClosedRange<UInt64> {
      let waits = Self.waits(after: Array(repeating: row.failure, count: 20), seed: seed)
      #expect(row.first.contains(waits[0]), "\(row.name), seed \(seed): first wait \(waits[0])")
      #expect(row.last.contains(waits[19]), "\(row.name), seed \(seed): 20th wait \(waits[19])")
    }
  }

  @Test func `transient waits use the whole range, so that hosts don't ask together`() {
    let late = (1...200).map { Self.waits(after: Array(repeating: .network, count: 8), seed: $0)[7].inSeconds }
    #expect((late.min() ?? 60) < 5)
    #expect((late.max() ?? 0) > 55)
  }

  @Test func `a server's own figure is kept to, with a tenth of spread, up to five minutes`() {
    let told = Failure(.throttled(wait: .seconds(20)), code: "Throttling", advice: "")
    let endless = Failure(.throttled(wait: .hours(9)), code: "Throttling", advice: "")
    #expect((Duration.seconds(20)...(.seconds(22))).contains(Self.waits(after: [told])[0]))
    #expect((Duration.seconds(300)...(.seconds(330))).contains(Self.waits(after: [endless])[0]))
  }

  @Test(arguments: [Failure.Kind.skew, .nonceUsed, .identityLapsed])
  func `what a new request may cure is tried again at once, but only once`(_ kind: Failure.Kind) {
    let failure = Failure(kind, code: "Code", advice: "")
    let waits = Self.waits(after: [failure, failure, failure])
    #expect(waits[0] == .zero)
    #expect(waits[1] > .zero)
    #expect(waits[2] > .zero)
  }
}
