/// Who may call STS next: the attempts of all roles, in order of need, behind the daemon's token bucket.
///
/// | urgency | when |
/// |---|---|
/// | first | before all others, in the order they asked |
/// | due, retry | whoever would fall below the floor soonest; of those that wait, every fourth call at least is a role's that works |
/// | reservation | when none of these waits, in the order they asked |
/// | spare | likewise; where both have their tokens the reservation goes, which somebody waits for |
///
/// A spare call leaves the last token to those that work. A reservation also needs a token of a bucket of its own with a quarter
/// of the rate.
///
/// While whoever answered has asked to be left alone, only first attempts are let go, and roles that have reached their floor: readers
/// come first.
///
/// Checks of sessions are no role's attempts and don't wait in here: their driver says that one waits, and asks whether it is its
/// turn. It comes after those that are first or due, and before those that fail and their retries, which could else keep it
/// waiting for ever. It also needs a token of a bucket of its own with a quarter of the rate, since readers can cause as many
/// checks as they like, and leaves the last token to those that work.
package struct FetchQueue: Sendable {
  package enum Urgency: Hashable, Sendable {
    /// No attempt of the role has ended.
    case first
    /// The role works.
    case due(floorReached: Timestamp)
    /// The role fails and has sessions above its floor.
    case retry(floorReached: Timestamp)
    /// The role fails and has nothing to lose, or fails in a way that it alone can end.
    case spare
    case reservation
  }

  package struct Ticket: Hashable, Sendable {
    package let role: Int
    package let attempt: AttemptID
    package let urgency: Urgency
  }

  /// A ticket in its place: by group, then by instant, then by arrival.
  private struct Place: Comparable {
    let group: UInt8
    let instant: Int64
    let arrival: UInt64
    let ticket: Ticket

    init(_ ticket: Ticket, arrival: UInt64) {
      (group, instant) =
        switch ticket.urgency {
        case .first: (0, 0)
        case .due(let floorReached), .retry(let floorReached): (1, floorReached.microseconds)
        case .spare, .reservation: (2, 0)
        }
      self.arrival = arrival
      self.ticket = ticket
    }

    /// When the role falls below its floor; nil where that isn't what it goes by.
    var floorReached: Timestamp? { group == 1 ? Timestamp(microseconds: instant) : nil }

    static func < (left: Place, right: Place) -> Bool {
      // Not as tuples, whose comparison is generic and takes many times as long in a debug build.
      if left.group != right.group { return left.group < right.group }
      if left.instant != right.instant { return left.instant < right.instant }
      return left.arrival < right.arrival
    }
  }

  /// So many retries go before a role that works and would reach its floor later.
  private static let retriesInRow = 3

  private var bucket: TokenBucket
  private var reservationBucket: TokenBucket
  private var checkBucket: TokenBucket
  // Apart, since the head of each may have to wait while another's may go. A role waits in one of them.
  private var refreshes = IndexedHeap<Place>()
  private var retries = IndexedHeap<Place>()
  private var reservations = IndexedHeap<Place>()
  /// Whether a check could be made but for its turn.
  private var checkWaits = false
  private var arrivals: UInt64 = 0
  /// Retries let go before a role that works, since one of these was let go.
  private var retriesBefore = 0
  private var heldUntil: Timestamp?

  /// `rate` in calls per second, `burst` in calls.
  package init(rate: Double, burst: Int, at instant: Timestamp) {
    bucket = TokenBucket(rate: rate, burst: burst, at: instant)
    reservationBucket = TokenBucket(
      rate: rate / 4, burst: burst / 4, leastRate: TokenBucket.leastRate / 4, at: instant)
    checkBucket = TokenBucket(rate: rate / 4, burst: burst / 4, leastRate: TokenBucket.leastRate / 4, at: instant)
  }

  package var count: Int { refreshes.count + retries.count + reservations.count }

  package func isWaiting(role: Int) -> Bool {
    refreshes.contains(role) || retries.contains(role) || reservations.contains(role)
  }

  /// Queues a role's attempt in place of the one it may have waiting.
  package mutating func enqueue(role: Int, attempt: AttemptID, urgency: Urgency) {
    remove(role: role)
    arrivals += 1
    let place = Place(Ticket(role: role, attempt: attempt, urgency: urgency), arrival: arrivals)
    switch urgency {
    case .first, .due, .spare: refreshes.set(role, to: place)
    case .retry: retries.set(role, to: place)
    case .reservation: reservations.set(role, to: place)
    }
  }

  package mutating func remove(role: Int) {
    refreshes.remove(role)
    retries.remove(role)
    reservations.remove(role)
  }

  /// The attempt to make now; nil when none waits or no token is there.
  package mutating func next(at instant: Timestamp) -> Ticket? {
    guard case (.attempt(let ticket), let chance)? = nextTurn(at: instant), chance <= instant else { return nil }
    _ = bucket.take(at: instant)
    countRetry(ticket)
    if ticket.urgency == .reservation { _ = reservationBucket.take(at: instant) }
    remove(role: ticket.role)
    return ticket
  }

  /// When `next(at:)` or `takeForCheck(at:)` will have an answer; nil when nothing waits.
  package mutating func nextChance(at instant: Timestamp) -> Timestamp? { nextTurn(at: instant)?.chance }

  /// When the role's attempt that waits can go at the earliest: those before it in its line go first, and each takes a token. nil
  /// when none of the role waits.
  package mutating func earliestStart(of role: Int, at instant: Timestamp) -> Timestamp? {
    if let place = reservations[role] {
      let count = reservations.count { $0 < place } + 1
      return afterHold(max(bucket.earliest(count, at: instant), reservationBucket.earliest(count, at: instant)))
    }
    if let place = retries[role] {
      return afterHold(bucket.earliest(retries.count { $0 < place } + 1, at: instant), of: place)
    }
    guard let place = refreshes[role] else { return nil }
    let chance = bucket.earliest(refreshes.count { $0 < place } + 1, at: instant)
    switch place.ticket.urgency {
    case .first: return chance
    case .spare: return afterHold(max(chance, bucket.nextToken(beyond: 1, at: instant)))
    case .due, .retry, .reservation: return afterHold(chance, of: place)
    }
  }

  /// When a reservation of a role that is requested now could be fetched at the earliest: those that wait go before it.
  package mutating func reservationChance(of role: Int, at instant: Timestamp) -> Timestamp {
    let count = reservations.count - (reservations.contains(role) ? 1 : 0) + 1
    return afterHold(max(bucket.earliest(count, at: instant), reservationBucket.earliest(count, at: instant)))
  }

  /// Holds the burst back after a call that failed on the way or by the server's own trouble.
  package mutating func failed(at instant: Timestamp) { bucket.failed(at: instant) }

  /// Lets nothing but first attempts and roles at their floor go before `end`, since the peer asked for that: what one role was answered
  /// goes for all. After that there is no burst.
  package mutating func hold(until end: Timestamp) { heldUntil = max(heldUntil ?? end, end) }

  /// Ends that at once; no burst follows this either.
  package mutating func release() { heldUntil = heldUntil.map { _ in .distantPast } }

  /// Slows down after a throttled call.
  package mutating func throttled(at instant: Timestamp) {
    bucket.throttled(at: instant)
    reservationBucket.throttled(at: instant)
    checkBucket.throttled(at: instant)
  }

  /// Slows checks down after one that was throttled: STS counts each kind of call apart.
  package mutating func checkThrottled(at instant: Timestamp) { checkBucket.throttled(at: instant) }

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double { bucket.currentRate(at: instant) }

  /// The same for reservations.
  package mutating func currentReservationRate(at instant: Timestamp) -> Double {
    reservationBucket.currentRate(at: instant)
  }

  // MARK: - Checks

  /// Says whether a check waits that could be made at once, but for its turn.
  package mutating func setCheckWaits(_ waits: Bool) { checkWaits = waits }

  /// Takes the tokens for asking STS whether a session is still good; false when it isn't the turn of the check that waits.
  package mutating func takeForCheck(at instant: Timestamp) -> Bool {
    guard case (.check, let chance)? = nextTurn(at: instant), chance <= instant else { return false }
    _ = bucket.take(at: instant)
    _ = checkBucket.take(at: instant)
    return true
  }

  /// Goes on with another rate. What waits keeps its place, and neither the tokens nor what throttles have taken come back.
  package mutating func setRate(_ rate: Double, burst: Int, at instant: Timestamp) {
    bucket.set(rate: rate, burst: burst, at: instant)
    reservationBucket.set(rate: rate / 4, burst: burst / 4, at: instant)
    checkBucket.set(rate: rate / 4, burst: burst / 4, at: instant)
  }

  // MARK: - Order

  private func afterHold(_ chance: Timestamp) -> Timestamp { max(chance, heldUntil ?? chance) }

  /// The same for a role that may reach its floor before the hold is over, and then goes.
  private func afterHold(_ chance: Timestamp, of place: Place) -> Timestamp {
    let held = afterHold(chance)
    return place.floorReached.map { min(held, max(chance, $0)) } ?? held
  }

  private enum Turn {
    case attempt(Ticket)
    case check
  }

  /// Whose turn it is and when it may go.
  private mutating func nextTurn(at instant: Timestamp) -> (turn: Turn, chance: Timestamp)? {
    if let heldUntil, heldUntil <= instant {
      self.heldUntil = nil
      bucket.failed(at: instant)
    }
    guard let next = nextByTokens(at: instant) else { return nil }
    if case .attempt(let ticket) = next.turn, ticket.urgency == .first { return next }
    let held = afterHold(next.chance)
    // Which of them is at its floor first, not whose turn it would be else.
    guard heldUntil != nil,
      let place = [refreshes.firstKey, retries.firstKey].compactMap({ $0 }).filter({ $0.floorReached != nil }).min()
    else { return (next.turn, held) }
    let chance = afterHold(bucket.nextToken(at: instant), of: place)
    return chance < held ? (.attempt(place.ticket), chance) : (next.turn, held)
  }

  /// Whose turn it is and when the tokens for it are there.
  private mutating func nextByTokens(at instant: Timestamp) -> (turn: Turn, chance: Timestamp)? {
    if let ticket = nextNeeded, !holdsRetriesBack(at: instant) {
      return (.attempt(ticket), bucket.nextToken(at: instant))
    }
    // Whoever lacks tokens lets the others go.
    let other = nextSpareOrReservation(at: instant)
    guard checkWaits else { return other.map { (.attempt($0.ticket), $0.chance) } }
    let check = max(bucket.nextToken(beyond: 1, at: instant), checkBucket.nextToken(at: instant))
    if let other, max(other.chance, instant) < max(check, instant) { return (.attempt(other.ticket), other.chance) }
    return (.check, check)
  }

  /// Whether a check that has its own token goes before the retries, as long as nobody waits who works.
  private mutating func holdsRetriesBack(at instant: Timestamp) -> Bool {
    checkWaits && nextWorking == nil && checkBucket.nextToken(at: instant) <= instant
  }

  private mutating func nextSpareOrReservation(at instant: Timestamp) -> (ticket: Ticket, chance: Timestamp)? {
    var next: (ticket: Ticket, chance: Timestamp)?
    if let place = reservations.firstKey {
      next = (place.ticket, max(bucket.nextToken(at: instant), reservationBucket.nextToken(at: instant)))
    }
    guard let spare = refreshes.firstKey else { return next }
    let chance = bucket.nextToken(beyond: 1, at: instant)
    // Reservations have a quarter of the rate at most: those that fail aren't kept from it.
    if let next, max(next.chance, instant) <= max(chance, instant) { return next }
    return (spare.ticket, chance)
  }

  /// The first of those that are first or due.
  private var nextWorking: Place? {
    guard let place = refreshes.firstKey, place.group < 2 else { return nil }
    return place
  }

  /// Whose turn it is among those that are first, due or have something to lose.
  private var nextNeeded: Ticket? {
    let working = nextWorking
    guard let retry = retries.firstKey else { return working?.ticket }
    guard let working else { return retry.ticket }
    return retry < working && retriesBefore < Self.retriesInRow ? retry.ticket : working.ticket
  }

  private mutating func countRetry(_ ticket: Ticket) {
    guard case .retry = ticket.urgency else {
      retriesBefore = 0
      return
    }
    retriesBefore = nextWorking != nil ? retriesBefore + 1 : 0
  }
}
