/// Who may call STS next: the attempts of all roles, in order of need, behind the daemon's token bucket.
///
/// Roles without a session come first, in the order they asked; then whoever would fall below the floor soonest; reservations
/// last, and only from a bucket of their own with a quarter of the rate, so that they never delay a refresh that is due.
package struct FetchQueue: Sendable {
  package enum Urgency: Hashable, Sendable {
    case first
    case due(floorReached: Timestamp)
    case reservation
  }

  package struct Ticket: Hashable, Sendable {
    package let role: Int
    package let attempt: AttemptID
    package let urgency: Urgency
  }

  /// A ticket in its place: by group, then by instant, then by arrival.
  private struct Place: Comparable {
    let group: Int
    let instant: Int64
    let arrival: UInt64
    let ticket: Ticket

    init(_ ticket: Ticket, arrival: UInt64) {
      (group, instant) =
        switch ticket.urgency {
        case .first: (0, 0)
        case .due(let floorReached): (1, floorReached.microseconds)
        case .reservation: (2, 0)
        }
      self.arrival = arrival
      self.ticket = ticket
    }

    static func < (left: Place, right: Place) -> Bool {
      (left.group, left.instant, left.arrival) < (right.group, right.instant, right.arrival)
    }
  }

  private var bucket: TokenBucket
  private var reservationBucket: TokenBucket
  private var waiting = IndexedHeap<Place>()
  private var arrivals: UInt64 = 0

  /// `rate` in calls per second, `burst` in calls.
  package init(rate: Double, burst: Int, at instant: Timestamp) {
    bucket = TokenBucket(rate: rate, burst: burst, at: instant)
    reservationBucket = TokenBucket(rate: rate / 4, burst: burst / 4, at: instant)
  }

  package var count: Int { waiting.count }

  package func isWaiting(role: Int) -> Bool { waiting.contains(role) }

  /// Queues a role's attempt in place of the one it may have waiting.
  package mutating func enqueue(role: Int, attempt: AttemptID, urgency: Urgency) {
    arrivals += 1
    let ticket = Ticket(role: role, attempt: attempt, urgency: urgency)
    waiting.set(role, to: Place(ticket, arrival: arrivals))
  }

  package mutating func remove(role: Int) { waiting.remove(role) }

  /// The attempt to make now; nil when none waits or no token is there.
  package mutating func next(at instant: Timestamp) -> Ticket? {
    guard let ticket = head, canTake(for: ticket.urgency, at: instant) else { return nil }
    _ = bucket.take(at: instant)
    if ticket.urgency == .reservation { _ = reservationBucket.take(at: instant) }
    remove(role: ticket.role)
    return ticket
  }

  /// When `next(at:)` will have an answer; nil when nothing waits.
  package mutating func nextChance(at instant: Timestamp) -> Timestamp? {
    guard let ticket = head else { return nil }
    let token = bucket.nextToken(at: instant)
    return ticket.urgency == .reservation ? max(token, reservationBucket.nextToken(at: instant)) : token
  }

  /// Holds the burst back after a call that failed on the way or by the server's own trouble.
  package mutating func failed(at instant: Timestamp) { bucket.failed(at: instant) }

  /// Slows down after a throttled call.
  package mutating func throttled(at instant: Timestamp) {
    bucket.throttled(at: instant)
    reservationBucket.throttled(at: instant)
  }

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double { bucket.currentRate(at: instant) }

  /// Goes on with another rate; what waits keeps its place.
  package mutating func setRate(_ rate: Double, burst: Int, at instant: Timestamp) {
    bucket = TokenBucket(rate: rate, burst: burst, at: instant)
    reservationBucket = TokenBucket(rate: rate / 4, burst: burst / 4, at: instant)
  }

  private var head: Ticket? { waiting.first?.key.ticket }

  private mutating func canTake(for urgency: Urgency, at instant: Timestamp) -> Bool {
    bucket.nextToken(at: instant) <= instant
      && (urgency != .reservation || reservationBucket.nextToken(at: instant) <= instant)
  }
}
