import Core
import Testing

@testable import HTTPClient

@Suite struct SendBudgetTests {
  private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(microseconds: milliseconds * 1000) }

  @Test func `nothing is saved at the start, and later no more than a tenth of a second's share`() {
    var budget = SendBudget(rate: 1_000_000, at: at(0))
    #expect(budget.take(of: 1, at: at(0)) == 0)
    var sent = 0
    for millisecond: Int64 in 1...1000 { sent += budget.take(of: 100_000, at: at(millisecond)) }
    #expect((950_000...1_000_000).contains(sent))
    // After a pause of ten seconds a tenth of a second's share is available.
    #expect(budget.take(of: 5_000_000, at: at(11_000)) == 100_000)
    #expect(budget.take(of: 5_000_000, at: at(11_001)) == 0)
  }

  @Test func `bodies aren't sent in single bytes, unless only one is left`() {
    var budget = SendBudget(rate: 1_000_000, at: at(0))
    #expect(budget.next(of: 100_000, at: at(0)) == at(50) + .microseconds(1))
    #expect(budget.take(of: 100_000, at: at(49)) == 0)
    #expect(budget.take(of: 100, at: at(49)) == 100)
    #expect(budget.take(of: 100_000, at: at(51)) == 50_900)
    var slow = SendBudget(rate: 10_000, at: at(0))
    #expect(slow.next(of: 100_000, at: at(0)) == Timestamp(microseconds: 51_201))
    #expect(slow.take(of: 100_000, at: at(52)) == 520)
  }
}
