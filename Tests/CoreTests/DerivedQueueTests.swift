@testable import Core
import TestSupport
import Testing

/// The place of sessions that are derived from roles among the calls to STS.
@Suite struct DerivedQueueTests {
  private static let start = Timestamp(microseconds: 0)

  private static func at(_ seconds: Double) -> Timestamp { start + .seconds(fraction: seconds) }

  private static func derived(_ seconds: Double) -> FetchQueue.Urgency { .derived(order: at(seconds)) }

  private static func add(_ urgencies: [FetchQueue.Urgency], to queue: inout FetchQueue, from first: Int = 0) {
    for (place, urgency) in urgencies.enumerated() {
      queue.enqueue(role: first + place, attempt: AttemptID(number: 1), urgency: urgency)
    }
  }

  private static func drain(_ queue: inout FetchQueue, at instant: Timestamp) -> [Int] {
    var roles: [Int] = []
    while let ticket = queue.next(at: instant) { roles.append(ticket.role) }
    return roles
  }

  @Test func `derived sessions wait for every role, and leave it the last token`() {
    var queue = FetchQueue(rate: 0.1, burst: 6, at: Self.start)
    Self.add(
      [
        Self.derived(1), .due(floorReached: Self.at(9000)), .retry(floorReached: Self.at(9000)), .first,
        Self.derived(0),
      ],
      to: &queue)
    #expect(Self.drain(&queue, at: Self.start) == [3, 1, 2, 4, 0])
    Self.add([Self.derived(0)], to: &queue)
    #expect(Self.drain(&queue, at: Self.start).isEmpty, "one token is left")
    Self.add([.due(floorReached: Self.at(1))], to: &queue, from: 1)
    #expect(Self.drain(&queue, at: Self.start) == [1])
  }

  @Test func `those that readers wait for go before renewals, and both before roles that only a person can fix`() {
    var queue = FetchQueue(rate: 100, burst: 100, at: Self.start)
    Self.add([.spare, Self.derived(500), .derived(order: .distantPast), Self.derived(400), .reservation], to: &queue)
    #expect(Self.drain(&queue, at: Self.start) == [4, 2, 3, 1, 0])
  }

  /// After an outage a role without a session waited until the sessions of all users and scopes were renewed.
  @Test func `a role at its floor goes before derived sessions, though it has failed`() {
    var queue = FetchQueue(rate: 1, burst: 1, at: Self.start)
    Self.add([Self.derived(0), .derived(order: .distantPast), .late, .late], to: &queue)
    var order: [Int] = []
    for second in 0..<10 { order += Self.drain(&queue, at: Self.at(Double(second * 2))) }
    #expect(order == [2, 3, 1, 0])
    #expect(queue.count == 0)
  }

  @Test func `they wait while as many calls for derived sessions are under way as may be`() {
    var queue = FetchQueue(rate: 100, burst: 100, at: Self.start)
    queue.setDerivedWait(true)
    Self.add([.derived(order: .distantPast), .spare, .due(floorReached: Self.at(1))], to: &queue)
    #expect(Self.drain(&queue, at: Self.start) == [2, 1])
    #expect(queue.nextChance(at: Self.start) == nil)
    queue.setDerivedWait(false)
    #expect(Self.drain(&queue, at: Self.start) == [0])
  }

  @Test func `they are held back as others are when STS asks for a wait`() {
    var queue = FetchQueue(rate: 100, burst: 100, at: Self.start)
    queue.hold(until: Self.at(30))
    Self.add([Self.derived(0)], to: &queue)
    #expect(queue.next(at: Self.at(29)) == nil)
    #expect(queue.earliestStart(of: 0, at: Self.start).map { $0 >= Self.at(30) } == true)
    // The burst is gone with the wait, and the last token is left.
    #expect(queue.next(at: Self.at(31)) == nil)
    #expect(queue.next(at: Self.at(32))?.role == 0)
  }

  @Test func `when one can start follows from its place`() {
    var queue = FetchQueue(rate: 1, burst: 1, at: Self.start)
    Self.add([Self.derived(1), Self.derived(2), Self.derived(3)], to: &queue)
    #expect(queue.count == 3 && queue.isWaiting(role: 2))
    #expect(queue.next(at: Self.start)?.role == 0)
    let starts = [1, 2].map { queue.earliestStart(of: $0, at: Self.start)! }
    #expect(starts[0] >= Self.at(0.9) && starts[1] > starts[0])
    queue.remove(role: 1)
    #expect(queue.count == 1 && !queue.isWaiting(role: 1))
  }

  /// A role's refresh is started in the very turn in which it is due, whatever waits besides, unless other roles have used the rate up.
  @Test(arguments: [1, 2, 3]) func `no refresh of a role is ever delayed by derived sessions`(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var queue = FetchQueue(rate: 2, burst: 4, at: Self.start)
    var refreshes = 0
    for second in 0..<2000 {
      let now = Self.at(Double(second))
      for slot in 10..<40 where !queue.isWaiting(role: slot) {
        if Int.random(in: 0..<4, using: &generator) == 0 {
          queue.enqueue(role: slot, attempt: AttemptID(number: 1), urgency: Self.derived(Double(second)))
        }
      }
      while let ticket = queue.next(at: now) { #expect(ticket.role >= 10, "the roles' own are taken at once") }
      guard Int.random(in: 0..<3, using: &generator) == 0 else { continue }
      refreshes += 1
      queue.enqueue(role: 0, attempt: AttemptID(number: 1), urgency: .due(floorReached: Self.at(1e6)))
      #expect(queue.next(at: now)?.role == 0, "second \(second)")
    }
    #expect(refreshes > 500)
  }

  @Test func `a machine's attempt is queued behind the roles if its session is derived`() {
    var schedule = HostSchedule(
      queue: FetchQueue(rate: 100, burst: 100, at: Self.start), clock: ServerClock(wallMicroseconds: 0, at: Self.start))
    func attempt(_ urgency: FetchQueue.Urgency) -> RefreshEffect {
      .fetch(Attempt(id: AttemptID(number: 1), purpose: .pool, duration: .hours(1), urgency: urgency))
    }
    for (slot, urgency) in [FetchQueue.Urgency.late, .first, .due(floorReached: Self.at(1))].enumerated() {
      _ = schedule.perform(attempt(urgency), of: slot, isDerived: true)
    }
    _ = schedule.perform(attempt(.due(floorReached: Self.at(9000))), of: 3)
    let order = (0..<4).compactMap { _ in schedule.nextCall(at: Self.start)?.role }
    #expect(order == [3, 1, 2, 0])
  }
}
