import Testing

@testable import HTTPServer

@Suite struct DeadlineListsTests {
  /// A linear congruential generator (Knuth's MMIX), the same numbers in every run.
  struct Sequence: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 32
    }
  }

  @Test func `slots expire in the order of their deadlines, after any moves and removals`() {
    var generator = Sequence(state: 20)
    var lists = DeadlineLists()
    for _ in 0..<50 { lists.addSlot() }
    var expected: [Int: Int64] = [:]
    for now in Int64(0)..<2000 {
      let slot = Int.random(in: 0..<50, using: &generator)
      if Int.random(in: 0..<4, using: &generator) == 0 {
        lists.clear(slot)
        expected[slot] = nil
      } else {
        let kind = DeadlineLists.Kind(rawValue: Int.random(in: 0..<4, using: &generator))!
        let deadline = now + [10, 200, 30, 5][kind.rawValue]
        lists.set(slot, kind, at: deadline)
        expected[slot] = deadline
      }
      #expect(lists.earliest == expected.values.min())
      while let (slot, _) = lists.takeExpired(at: now) {
        #expect(expected[slot].map { $0 <= now } == true)
        expected[slot] = nil
      }
      #expect(expected.values.allSatisfy { $0 > now })
    }
  }
}
