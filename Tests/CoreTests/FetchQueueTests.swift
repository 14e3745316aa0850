@testable import Core
import Simulation
import TestSupport
import Testing

@Suite struct FetchQueueTests {
  private static let start = Timestamp(microseconds: 0)

  private static func at(_ seconds: Double) -> Timestamp { start + .seconds(fraction: seconds) }

  private static func queue(_ urgencies: [FetchQueue.Urgency], rate: Double = 100, burst: Int = 100) -> FetchQueue {
    var queue = FetchQueue(rate: rate, burst: burst, at: start)
    for (role, urgency) in urgencies.enumerated() {
      queue.enqueue(role: role, attempt: AttemptID(number: 1), urgency: urgency)
    }
    return queue
  }

  private static func drain(_ queue: inout FetchQueue, at instant: Timestamp) -> [Int] {
    var roles: [Int] = []
    while let ticket = queue.next(at: instant) { roles.append(ticket.role) }
    return roles
  }

  @Test func `roles without a session go first, then the least headroom, reservations last`() {
    var queue = Self.queue([
      .reservation, .due(floorReached: Self.at(50)), .first, .due(floorReached: Self.at(5)), .first,
    ])
    #expect(Self.drain(&queue, at: Self.start) == [2, 4, 3, 1, 0])
  }

  /// They went first as long as they had no session, so roles that never got one took all of the rate.
  @Test func `failing roles at their floor take turns behind all healthy roles`() {
    var queue = Self.queue([
      .spare, .due(floorReached: Self.at(5000)), .spare, .retry(floorReached: Self.at(9000)), .first,
    ])
    #expect(Self.drain(&queue, at: Self.start) == [4, 1, 3, 0, 2])
  }

  @Test func `at least one call in four is a healthy role's, however urgent the failing ones are`() {
    let retries = (0..<9).map { FetchQueue.Urgency.retry(floorReached: Self.at(Double($0))) }
    var queue = Self.queue(retries + [.due(floorReached: Self.at(500)), .due(floorReached: Self.at(400))])
    #expect(Self.drain(&queue, at: Self.start) == [0, 1, 2, 10, 3, 4, 5, 9, 6, 7, 8])
  }

  @Test func `a spare call leaves the last token to healthy roles`() {
    var queue = Self.queue([.spare, .spare], rate: 0.1, burst: 2)
    #expect(Self.drain(&queue, at: Self.start) == [0])
    queue.enqueue(role: 2, attempt: AttemptID(number: 1), urgency: .due(floorReached: Self.at(1)))
    #expect(Self.drain(&queue, at: Self.start) == [2])
    #expect(queue.nextChance(at: Self.start).map { $0 > Self.at(19) } == true)
    #expect(Self.drain(&queue, at: Self.at(20.1)) == [1])
  }

  /// With 40 failing roles, each report of a dead session was answered that it couldn't be checked.
  @Test(arguments: [FetchQueue.Urgency.spare, .retry(floorReached: Self.at(5000))])
  func `a check gets its turn however many calls of failing roles wait`(_ urgency: FetchQueue.Urgency) {
    var queue = Self.queue(Array(repeating: urgency, count: 40), rate: 0.5, burst: 20)
    _ = Self.drain(&queue, at: Self.start)
    for role in 0..<40 { queue.enqueue(role: role, attempt: AttemptID(number: 2), urgency: urgency) }
    queue.setCheckWaits(true)
    var turns: [Double] = []
    for tenth in 0..<400 {
      let now = Self.at(Double(tenth) / 10)
      if queue.takeForCheck(at: now) { turns.append(Double(tenth) / 10) }
      for role in Self.drain(&queue, at: now) {
        queue.enqueue(role: role, attempt: AttemptID(number: 2), urgency: urgency)
      }
    }
    #expect(turns.first.map { $0 < 9 } == true, "a report is answered within ten seconds: \(turns)")
    #expect((3...10).contains(turns.count), "a quarter of the rate at most: \(turns)")
  }

  /// Whether a check may be made at the start.
  private static func check(_ queue: inout FetchQueue) -> Bool { queue.takeForCheck(at: start) }

  @Test func `a check waits behind healthy roles and leaves the last token to them`() {
    var queue = Self.queue([.due(floorReached: Self.at(9))], rate: 1, burst: 4)
    queue.setCheckWaits(true)
    #expect(!Self.check(&queue), "a due refresh waits")
    #expect(Self.drain(&queue, at: Self.start) == [0])
    #expect(Self.check(&queue))
    #expect(!Self.check(&queue), "the checks' own bucket has one")
    queue = Self.queue([], rate: 1, burst: 4)
    queue.failed(at: Self.start)
    queue.setCheckWaits(true)
    #expect(!Self.check(&queue), "the last token is taken")
    #expect(queue.nextChance(at: Self.start).map { $0 > Self.at(0.9) && $0 < Self.at(1.1) } == true)
  }

  @Test func `a throttled call slows everything down, a throttled check only checks`() {
    var queue = Self.queue([], rate: 4, burst: 4)
    queue.throttled(at: Self.start)
    queue.setCheckWaits(true)
    var taken = (0..<200).count { queue.takeForCheck(at: Self.at(Double($0) / 10)) }
    #expect((10...14).contains(taken), "\(taken) in 20 s at half of one a second")
    queue = Self.queue([], rate: 4, burst: 4)
    queue.checkThrottled(at: Self.start)
    queue.setCheckWaits(true)
    taken = (0..<200).count { queue.takeForCheck(at: Self.at(Double($0) / 10)) }
    #expect((10...14).contains(taken), "\(taken) in 20 s at half of one a second")
    #expect(queue.currentRate(at: Self.at(20)) == 4 && queue.currentReservationRate(at: Self.at(20)) == 1)
  }

  @Test func `nothing that waits starts before its earliest start`() {
    var generator = SeededGenerator(seed: 5)
    for round in 0..<50 {
      let urgencies: [FetchQueue.Urgency] = (0..<30).map { index in
        [
          .first, .spare, .reservation, .due(floorReached: Self.at(Double(index % 7))),
          .retry(floorReached: Self.at(5)),
        ]
        .randomElement(using: &generator)!
      }
      var queue = Self.queue(urgencies, rate: 1, burst: Int.random(in: 1...8, using: &generator))
      if round % 3 == 0 { queue.throttled(at: Self.start) }
      let earliest = urgencies.indices.map { queue.earliestStart(of: $0, at: Self.start) }
      for tick in 0..<600 {
        let now = Self.at(Double(tick) / 10)
        for role in Self.drain(&queue, at: now) {
          #expect(earliest[role].map { $0 <= now + .milliseconds(1) } == true, "\(urgencies[role]) at \(now)")
        }
      }
      let ofNone = queue.earliestStart(of: 99, at: Self.start)
      #expect(ofNone == nil)
    }
  }

  @Test func `a reservation without a token of its own delays nobody else`() {
    var queue = Self.queue([.reservation, .reservation, .spare], rate: 1, burst: 4)
    #expect(Self.drain(&queue, at: Self.start) == [0, 2])
    #expect(queue.nextChance(at: Self.start).map { $0 > Self.at(3.9) } == true)
    #expect(Self.drain(&queue, at: Self.at(4.1)) == [1])
  }

  @Test(arguments: [0.1, 0.2, 0.39, 1, 2]) func `throttling never raises a rate, not even that of reservations`(
    _ rate: Double
  ) {
    var queue = Self.queue([], rate: rate)
    var before = (queue.currentRate(at: Self.start), queue.currentReservationRate(at: Self.start))
    for second in 1...20 {
      let now = Self.at(Double(second))
      let risen = (queue.currentRate(at: now), queue.currentReservationRate(at: now))
      queue.throttled(at: now)
      let after = (queue.currentRate(at: now), queue.currentReservationRate(at: now))
      #expect(after.0 <= risen.0 && after.1 <= risen.1, "at \(rate) calls per second")
      #expect(after.0 <= before.0 && after.1 <= before.1)
      #expect(abs(after.1 - after.0 / 4) < 0.001, "a quarter stays a quarter")
      before = after
    }
  }

  /// A role with short sessions, whose reservation is aborted for each of its steps, never had a turn among forty failing roles.
  @Test func `a reservation goes before spare calls, in whatever order they were queued`() {
    var queue = Self.queue([.spare, .spare, .reservation], rate: 1, burst: 1)
    #expect(Self.drain(&queue, at: Self.start) == [2])
    #expect(Self.drain(&queue, at: Self.at(1.1)) == [0])
  }

  @Test func `a changed rate or burst restores neither spent tokens nor a throttled rate`() {
    var queue = Self.queue(Array(repeating: .first, count: 30), rate: 2, burst: 10)
    #expect(Self.drain(&queue, at: Self.start).count == 10)
    queue.setRate(4, burst: 20, at: Self.start)
    #expect(Self.drain(&queue, at: Self.start).isEmpty, "the bucket was refilled")
    #expect(Self.drain(&queue, at: Self.at(1.01)).count == 4, "the rate is another at once")
    queue.throttled(at: Self.at(2))
    queue.setRate(10, burst: 20, at: Self.at(2))
    #expect(queue.currentRate(at: Self.at(2)) == 2, "the throttle was forgotten")
    #expect(queue.currentRate(at: Self.at(62)) == 3)
    queue.setRate(1, burst: 1, at: Self.at(62))
    #expect(queue.currentRate(at: Self.at(62)) == 1)
  }

  @Test func `the first session of every role is fetched before the second of any`() {
    var queue = Self.queue(Array(repeating: .first, count: 50))
    queue.enqueue(role: 50, attempt: AttemptID(number: 2), urgency: .due(floorReached: Self.at(-100)))
    #expect(Self.drain(&queue, at: Self.start).last == 50)
  }

  @Test func `the burst is sent at once and the rest at the rate`() {
    var queue = Self.queue(Array(repeating: .first, count: 10), rate: 2, burst: 4)
    #expect(Self.drain(&queue, at: Self.start).count == 4)
    #expect(queue.nextChance(at: Self.start).map { ($0 - Self.start).inSeconds.rounded(toPlaces: 3) } == 0.5)
    #expect(Self.drain(&queue, at: Self.at(1.01)).count == 2)
  }

  @Test func `reservations take at most a quarter of the rate`() {
    var queue = FetchQueue(rate: 8, burst: 8, at: Self.start)
    var made = 0
    for tick in 0..<1000 {
      let now = Self.at(Double(tick) / 100)
      for role in 0..<20 where !queue.isWaiting(role: role) {
        queue.enqueue(role: role, attempt: AttemptID(number: 1), urgency: .reservation)
      }
      made += Self.drain(&queue, at: now).count
    }
    #expect(made <= 23 && made >= 20, "\(made) reservations in 10 s at 8 calls per second")
  }

  @Test func `throttling halves the rate at most once a second, and it recovers by a tenth a minute`() {
    var queue = Self.queue([], rate: 2, burst: 2)
    queue.throttled(at: Self.at(1))
    queue.throttled(at: Self.at(1.5))
    #expect(queue.currentRate(at: Self.at(1.5)).rounded(toPlaces: 2) == 1)
    #expect(queue.currentRate(at: Self.at(61)).rounded(toPlaces: 2) == 1.2)
    for second in 62..<80 { queue.throttled(at: Self.at(Double(second))) }
    #expect(queue.currentRate(at: Self.at(79)).rounded(toPlaces: 1) == 0.1)
  }

  @Test func `a failed call discards the burst and leaves the rate`() {
    var queue = Self.queue(Array(repeating: .first, count: 10), rate: 2, burst: 8)
    queue.failed(at: Self.at(1))
    #expect(Self.drain(&queue, at: Self.at(1)).count == 1)
    #expect(Self.drain(&queue, at: Self.at(2.01)).count == 2)
    #expect(queue.currentRate(at: Self.at(2.01)) == 2)
  }

  @Test func `a role is queued once, with its latest attempt`() {
    var queue = Self.queue([.reservation])
    queue.enqueue(role: 0, attempt: AttemptID(number: 2), urgency: .first)
    #expect(queue.next(at: Self.start)?.attempt == AttemptID(number: 2))
    #expect(queue.next(at: Self.start) == nil)
  }

  @Test func `no session is fetched for a removed role`() {
    var queue = Self.queue([.first, .first, .first])
    queue.remove(role: 1)
    #expect(Self.drain(&queue, at: Self.start) == [0, 2])
  }

  @Test func `the heap keeps its order through changes and removals`() {
    var generator = SeededGenerator(seed: 3)
    var heap = IndexedHeap<Int>()
    var model: [Int: Int] = [:]
    for _ in 0..<5000 {
      let index = Int.random(in: 0..<200, using: &generator)
      if Bool.random(using: &generator) {
        let key = Int.random(in: 0..<1000, using: &generator)
        heap.set(index, to: key)
        model[index] = key
      } else {
        heap.remove(index)
        model[index] = nil
      }
      #expect(heap.count == model.count)
      #expect(heap.firstKey == model.values.min() && heap.firstIndex.flatMap { heap[$0] } == heap.firstKey)
    }
  }

  /// Each role waited by itself, so a host with many roles kept calling an endpoint that had requested a wait.
  @Test func `a wait requested from one role holds all but first attempts, and no burst follows`() {
    var queue = Self.queue([
      .due(floorReached: Self.at(50)), .retry(floorReached: Self.at(60)), .spare, .reservation, .first,
    ])
    queue.hold(until: Self.at(20))
    queue.hold(until: Self.at(10))
    #expect(Self.drain(&queue, at: Self.start) == [4])
    #expect(queue.nextChance(at: Self.start) == Self.at(20))
    #expect(queue.reservationChance(of: 9, at: Self.start) >= Self.at(20))
    #expect(Self.drain(&queue, at: Self.at(19.9)) == [])
    #expect(queue.next(at: Self.at(20))?.role == 0)
    #expect(queue.next(at: Self.at(20)) == nil, "the burst that was saved up meanwhile is gone")
    #expect(queue.next(at: Self.at(20.02))?.role == 1)
  }

  @Test func `a role that reaches its floor during a requested wait goes, the others wait`() {
    var queue = Self.queue([
      .due(floorReached: Self.at(50)), .retry(floorReached: Self.at(12)), .due(floorReached: Self.at(15)), .spare,
    ])
    queue.hold(until: Self.at(20))
    #expect(Self.drain(&queue, at: Self.start) == [])
    #expect(queue.nextChance(at: Self.start) == Self.at(12))
    #expect(queue.earliestStart(of: 1, at: Self.start) == Self.at(12))
    #expect(queue.earliestStart(of: 0, at: Self.start) == Self.at(20))
    #expect(Self.drain(&queue, at: Self.at(12)) == [1])
    #expect(queue.nextChance(at: Self.at(12)) == Self.at(15))
    #expect(Self.drain(&queue, at: Self.at(19)) == [2])
    #expect(queue.nextChance(at: Self.at(19)) == Self.at(20))
  }

  @Test func `a requested wait holds checks of sessions, too`() {
    var queue = Self.queue([])
    queue.hold(until: Self.at(20))
    queue.setCheckWaits(true)
    let (early, chance) = (queue.takeForCheck(at: Self.start), queue.nextChance(at: Self.start))
    #expect(!early && chance == Self.at(20))
    // No burst follows, and the check leaves the last token to healthy roles.
    let late = [20, 20.02].map { queue.takeForCheck(at: Self.at($0)) }
    #expect(late == [false, true])
  }
}

extension Double {
  fileprivate func rounded(toPlaces places: Int) -> Double {
    let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
    return (self * scale).rounded() / scale
  }
}

extension FetchQueue {
  /// The rate of reservations in force at `instant`, in calls per second.
  fileprivate mutating func currentReservationRate(at instant: Timestamp) -> Double {
    reservationBucket.currentRate(at: instant)
  }
}
