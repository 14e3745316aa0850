import Testing

@testable import HTTPServer

@Suite struct TurnQueueTests {
  private func turn(_ slot: Int) -> TurnQueue.Turn { TurnQueue.Turn(slot: slot, generation: 0) }

  @Test func `users take turns, each with its connections in their order`() {
    var queue = TurnQueue()
    for slot in 0..<100 { queue.append(turn(slot), of: 7) }
    for slot in 100..<103 { queue.append(turn(slot), of: 8) }
    queue.append(turn(103), of: 9)
    var taken: [Int] = []
    for _ in 0..<9 {
      guard let uid = queue.nextUser(), let turn = queue.take(of: uid) else { continue }
      taken.append(turn.slot)
    }
    #expect(taken == [0, 100, 103, 1, 101, 2, 102, 3, 4])
    #expect(queue.userCount == 1)
  }

  @Test func `a user without waiting connections leaves the rotation until one waits again`() {
    var queue = TurnQueue()
    queue.append(turn(1), of: 7)
    #expect(queue.take(of: 7) == turn(1))
    #expect(queue.take(of: 7) == nil)
    #expect(queue.isEmpty && queue.nextUser() == nil)
    queue.append(turn(2), of: 7)
    #expect(queue.nextUser() == 7)
    #expect(queue.take(of: 7) == turn(2))
    #expect(queue.isEmpty)
  }

  @Test func `a user has a queue as long as one of its connections waits`() {
    var queue = TurnQueue()
    queue.append(turn(1), of: 7)
    queue.append(turn(2), of: 7)
    _ = queue.take(of: 7)
    #expect(queue.hasLine(of: 7) && !queue.hasLine(of: 8))
    _ = queue.take(of: 7)
    #expect(!queue.hasLine(of: 7))
  }
}
