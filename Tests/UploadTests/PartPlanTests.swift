import Core
import Testing

@testable import Upload

/// How a file is cut into parts, within what OSS takes (UploadPart).
@Suite struct PartPlanTests {
  private static let mebibyte = 1 << 20

  @Test(arguments: [
    1, 102_400, 102_401, 1_024_000_000, 1_024_000_001, 97 << 30, 1 << 40, 10_000 * PartPlan.mostBytes,
  ])
  func `ten thousand parts suffice, each of at least 100 KB and at most 5 GB`(_ size: Int) throws {
    let plan = try #require(PartPlan(size: size))
    #expect(plan.unit >= PartPlan.leastPart && plan.unit <= PartPlan.mostBytes)
    #expect(plan.units <= PartPlan.mostParts && plan.units * plan.unit >= size && (plan.units - 1) * plan.unit < size)
    #expect(plan.range(first: 0, count: plan.units) == 0..<size)
    let last = plan.range(first: plan.units - 1, count: 1)
    #expect(last.upperBound == size && !last.isEmpty)
  }

  @Test func `a file larger than ten thousand parts of 5 GB has no plan`() {
    #expect(PartPlan(size: 10_000 * PartPlan.mostBytes + 1) == nil)
  }

  @Test func `a part has whole units, at least one, and no more bytes than OSS takes`() throws {
    let plan = try #require(PartPlan(size: 1 << 40))
    #expect(plan.units(in: 1) == 1 && plan.units(in: 2 * plan.unit - 1) == 1 && plan.units(in: 2 * plan.unit) == 2)
    #expect(plan.units(in: .max) * plan.unit <= PartPlan.mostBytes)
  }

  private static func gaps(_ stored: [(first: Int, count: Int)]) -> UnitGaps {
    let plan = PartPlan(size: 10 * mebibyte - 5, unit: mebibyte)
    return UnitGaps(
      plan,
      stored: stored.map {
        FinishedPart(unit: $0.first, range: plan.range(first: $0.first, count: $0.count), etag: "e", crc: CRC64())
      })
  }

  @Test func `what isn't stored is left, in whatever order it was stored`() {
    #expect(Self.gaps([]).gaps == [UnitGap(first: 0, count: 10)])
    #expect(Self.gaps([(9, 1), (0, 2), (4, 3)]).gaps == [UnitGap(first: 2, count: 2), UnitGap(first: 7, count: 2)])
    #expect(Self.gaps([(0, 10)]).isEmpty && Self.gaps([(5, 5), (0, 5)]).isEmpty)
  }

  @Test func `units are taken from a gap's beginning, and given back to their neighbours`() {
    var gaps = Self.gaps([])
    gaps.take(3, of: gaps.gaps[0])
    gaps.take(2, of: gaps.gaps[0])
    #expect(gaps.gaps == [UnitGap(first: 5, count: 5)])
    gaps.giveBack(UnitGap(first: 0, count: 3))
    #expect(gaps.gaps == [UnitGap(first: 0, count: 3), UnitGap(first: 5, count: 5)])
    gaps.giveBack(UnitGap(first: 3, count: 2))
    #expect(gaps.gaps == [UnitGap(first: 0, count: 10)])
    gaps.take(10, of: gaps.gaps[0])
    #expect(gaps.isEmpty)
  }

  @Test func `units that failed wait for their time, by themselves, while others go`() {
    var gaps = Self.gaps([])
    gaps.take(3, of: gaps.gaps[0])
    let due = Timestamp(microseconds: 100)
    gaps.giveBack(UnitGap(first: 0, count: 3, failures: 1, due: due))
    #expect(gaps.gaps.count == 2)
    let early = Timestamp(microseconds: 99)
    #expect(gaps.next(at: early)?.first == 3 && gaps.next(at: due)?.first == 0)
    #expect(gaps.nextDue(after: early) == due && gaps.nextDue(after: due) == nil)
  }

  @Test func `waits after failures grow to half a minute, and those after throttling to a minute`() {
    var chance = Steps()
    #expect(
      (1...8).map { RetryDelay.afterFailure($0, using: &chance) } == [0.5, 1, 2, 4, 8, 16, 30, 30].map(Self.seconds))
    #expect(
      (1...7).map { RetryDelay.afterThrottle($0, asked: nil, using: &chance) }
        == [2, 4, 8, 16, 32, 60, 60].map(Self.seconds))
    chance.isLeast = true
    #expect(RetryDelay.afterFailure(5, using: &chance) == .zero)
    #expect(RetryDelay.afterThrottle(1, asked: nil, using: &chance) == .seconds(1))
    // What VOD asks for is kept, within reason.
    #expect(RetryDelay.afterThrottle(1, asked: .seconds(7), using: &chance) == .seconds(7))
    #expect(RetryDelay.afterThrottle(1, asked: .seconds(-7), using: &chance) == .zero)
    #expect(RetryDelay.afterThrottle(1, asked: .seconds(9000), using: &chance) == .minutes(5))
  }

  private static func seconds(_ number: Double) -> Duration { .seconds(fraction: number) }
}

/// The most or the least of every range; with 0 the choice would be repeated for ever.
private struct Steps: RandomNumberGenerator {
  var isLeast = false
  mutating func next() -> UInt64 { isLeast ? 1 : .max }
}
