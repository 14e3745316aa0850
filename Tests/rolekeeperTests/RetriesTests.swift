import Core
import TestSupport
import Testing

@testable import rolekeeper

/// Pauses between attempts, and when a failure is reported.
@Suite struct RetriesTests {
  private static let start = Timestamp(microseconds: 1_000_000)

  @Test func `pauses double up to the longest, and each is half of that at least`() {
    var (retries, generator) = (Retries(first: .seconds(1), longest: .minutes(1)), SeededGenerator(seed: 1))
    for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
      let next = retries.failed(at: Self.start, using: &generator).next - Self.start
      #expect(next >= .milliseconds(500 * pause) && next <= .seconds(pause))
    }
    retries.succeeded()
    let again = retries.failed(at: Self.start, using: &generator).next
    #expect(again - Self.start <= .seconds(1))
  }

  @Test func `many processes don't try at once`() {
    var generator = SeededGenerator(seed: 2)
    let all = (0..<100).map { _ in
      var retries = Retries(first: .seconds(1), longest: .minutes(1))
      return retries.failed(at: Self.start, using: &generator).next
    }
    #expect(Set(all).count > 90)
  }

  @Test func `a failure is reported once, after the time that it may last`() {
    var (retries, generator) = (
      Retries(first: .seconds(1), longest: .seconds(30), unreported: .seconds(5)), SeededGenerator(seed: 3)
    )
    let news = [0, 1, 4, 5, 6, 99].map { second in
      retries.failed(at: Self.start + .seconds(second), using: &generator).isNews
    }
    #expect(news == [false, false, false, true, false, false])
    retries.succeeded()
    let later = [100, 105, 106].map { second in
      retries.failed(at: Self.start + .seconds(second), using: &generator).isNews
    }
    #expect(later == [false, true, false])
    var atOnce = Retries(first: .seconds(1), longest: .minutes(1))
    let both = [0, 0].map { _ in atOnce.failed(at: Self.start, using: &generator).isNews }
    #expect(both == [true, false])
  }
}
