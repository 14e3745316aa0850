/// The queue of all roles' calls to STS, by urgency and within the daemon's rate and its regions' (`RegionalRate`).
///
/// | urgency | when |
/// |---|---|
/// | first | before all others: roles that readers wait for, then in order of arrival |
/// | due, retry | by when the role reaches its floor, the earliest first; at most three retries in a row before a healthy role |
/// | reservation | when none of these waits, in order of arrival |
/// | late | likewise, in the order of first ones; if both have their tokens the reservation goes first, since a reader waits for it |
/// | derived | when no late role waits; sessions that readers wait for first, then by when they reach their floor |
/// | spare | when no derived session waits either |
///
/// Late and spare calls and those for derived sessions leave the last token to healthy roles. A reservation also needs a token of a bucket of its own with a quarter of
/// the rate.
///
/// While a wait is in force that STS or a proxy requested (`Retry-After`), only first attempts start, and roles that have reached
/// their floor: readers come first.
///
/// Checks of sessions aren't queued in here: the driver sets whether one is waiting (`setCheckWaits`), and tries to take its turn
/// (`takeForCheck`). A check goes after first and due attempts, but before retries, which could otherwise keep it waiting for ever.
/// It also needs a token of a bucket of its own with a quarter of the rate, since readers can cause as many checks as they like, and
/// leaves the last token to healthy roles.
package struct FetchQueue: Sendable {
  package enum Urgency: Hashable, Sendable {
    /// The role has had no outcome yet, or it has no session and was throttled.
    case first
    /// The role is healthy: its latest attempt succeeded.
    case due(floorReached: Timestamp)
    /// The role fails and has sessions above its floor.
    case retry(floorReached: Timestamp)
    /// The role fails and has reached its floor, but may succeed at any time.
    case late
    /// The role fails permanently, or keeps failing while other roles succeed.
    case spare
    case reservation
    /// For a session that is derived from a role (`SessionKey`); the earliest `order` first.
    case derived(order: Timestamp)
  }

  package struct Ticket: Hashable, Sendable {
    package let role: Int
    package let attempt: AttemptID
    package let urgency: Urgency
  }

  /// A ticket with what it is ordered by: group, then instant, then arrival.
  private struct Place: Comparable {
    let group: UInt8
    let instant: Int64
    let arrival: UInt64
    let ticket: Ticket

    init(_ ticket: Ticket, arrival: UInt64, isAwaited: Bool) {
      (group, instant) =
        switch ticket.urgency {
        case .first: (0, isAwaited ? 0 : 1)
        case .due(let floorReached), .retry(let floorReached): (1, floorReached.microseconds)
        case .late: (2, isAwaited ? 0 : 1)
        case .reservation: (2, 0)
        case .derived(let order): (3, order.microseconds)
        case .spare: (4, 0)
        }
      self.arrival = arrival
      self.ticket = ticket
    }

    /// When the role reaches its floor; nil if that doesn't decide its order.
    var floorReached: Timestamp? { group == 1 ? Timestamp(microseconds: instant) : nil }

    static func < (left: Place, right: Place) -> Bool {
      // Not as tuples: comparing those is generic and takes many times as long in a debug build.
      if left.group != right.group { return left.group < right.group }
      if left.instant != right.instant { return left.instant < right.instant }
      return left.arrival < right.arrival
    }
  }

  /// How many calls for derived sessions may be under way at a time, of the client's 16: the others are for roles.
  package static let mostDerivedUnderWay = 12
  /// How many retries may start in a row before a healthy role that reaches its floor later.
  private static let retriesInRow = 3

  // Internal for the schedule, which passes on what came of each region.
  var bucket: RegionalRate
  // Internal for tests.
  var reservationBucket: TokenBucket
  private var checkBucket: TokenBucket
  // Two queues, since the first of one may have to wait while the first of the other may start. A role waits in only one of them.
  private var refreshes = IndexedHeap<Place>()
  private var retries = IndexedHeap<Place>()
  private var reservations = IndexedHeap<Place>()
  private var derived = IndexedHeap<Place>()
  /// Whether calls for derived sessions have to wait, since as many are under way as may be.
  private var derivedWait = false
  /// Whether a check is ready and waits for its turn.
  private var checkWaits = false
  /// The roles without a session that readers wait for.
  private var awaited: Set<Int> = []
  private var arrivals: UInt64 = 0
  /// How many retries have started in a row while a healthy role waited.
  private var retriesBefore = 0
  private var heldUntil: Timestamp?

  /// `rate` in calls per second, `burst` in calls; `regions` are the names of several regions, in the host's order.
  package init(rate: Double, burst: Int, regions: [String] = [], at instant: Timestamp) {
    bucket = RegionalRate(rate: rate, burst: burst, regions: regions, at: instant)
    reservationBucket = TokenBucket(
      rate: rate / 4, burst: burst / 4, leastRate: TokenBucket.leastRate / 4, at: instant)
    checkBucket = TokenBucket(rate: rate / 4, burst: burst / 4, leastRate: TokenBucket.leastRate / 4, at: instant)
  }

  package var count: Int { refreshes.count + retries.count + reservations.count + derived.count }

  package func isWaiting(role: Int) -> Bool {
    refreshes.contains(role) || retries.contains(role) || reservations.contains(role) || derived.contains(role)
  }

  /// Queues a role's attempt in place of the one it may have waiting.
  package mutating func enqueue(role: Int, attempt: AttemptID, urgency: Urgency) {
    remove(role: role)
    arrivals += 1
    let ticket = Ticket(role: role, attempt: attempt, urgency: urgency)
    let place = Place(ticket, arrival: arrivals, isAwaited: awaited.contains(role))
    switch urgency {
    case .first, .due, .late, .spare: refreshes.set(role, to: place)
    case .retry: retries.set(role, to: place)
    case .reservation: reservations.set(role, to: place)
    case .derived: derived.set(role, to: place)
    }
  }

  /// Sets whether readers wait for a role that has no session: then it goes before others of its kind, until it has one or
  /// is removed.
  package mutating func setAwaited(role: Int, _ isAwaited: Bool) {
    guard awaited.contains(role) != isAwaited else { return }
    if isAwaited { awaited.insert(role) } else { awaited.remove(role) }
    guard let place = refreshes[role] else { return }
    refreshes.set(role, to: Place(place.ticket, arrival: place.arrival, isAwaited: isAwaited))
  }

  package mutating func remove(role: Int) {
    refreshes.remove(role)
    retries.remove(role)
    reservations.remove(role)
    derived.remove(role)
  }

  /// Takes the attempt to make now out of the queue; nil if none waits, or none may start yet.
  package mutating func next(at instant: Timestamp) -> Ticket? {
    guard case (.attempt(let ticket), let chance)? = nextTurn(at: instant), chance <= instant else { return nil }
    _ = bucket.take(at: instant)
    countRetry(ticket)
    if ticket.urgency == .reservation { _ = reservationBucket.take(at: instant) }
    remove(role: ticket.role)
    return ticket
  }

  /// When `next(at:)` or `takeForCheck(at:)` can next succeed; nil if nothing waits.
  package mutating func nextChance(at instant: Timestamp) -> Timestamp? { nextTurn(at: instant)?.chance }

  /// The earliest time at which the role's queued attempt can start: those of its kind before it take a token each. nil if the role
  /// has none queued.
  package mutating func earliestStart(of role: Int, at instant: Timestamp) -> Timestamp? {
    if let place = reservations[role] {
      let count = reservations.count { $0 < place } + 1
      return afterHold(max(bucket.earliest(count, at: instant), reservationBucket.earliest(count, at: instant)))
    }
    if let place = derived[role] {
      let count = derived.count { $0 < place } + 1
      return afterHold(max(bucket.earliest(count, at: instant), bucket.nextToken(beyond: 1, at: instant)))
    }
    if let place = retries[role] {
      return afterHold(bucket.earliest(retries.count { $0 < place } + 1, at: instant), of: place)
    }
    guard let place = refreshes[role] else { return nil }
    let chance = bucket.earliest(refreshes.count { $0 < place } + 1, at: instant)
    switch place.ticket.urgency {
    case .first: return chance
    case .late, .spare: return afterHold(max(chance, bucket.nextToken(beyond: 1, at: instant)))
    case .due, .retry, .reservation, .derived: return afterHold(chance, of: place)
    }
  }

  /// The earliest time at which a reservation that a role requests now can be fetched, after those of other roles that wait.
  package mutating func reservationChance(of role: Int, at instant: Timestamp) -> Timestamp {
    let count = reservations.count - (reservations.contains(role) ? 1 : 0) + 1
    return afterHold(max(bucket.earliest(count, at: instant), reservationBucket.earliest(count, at: instant)))
  }

  /// Discards the burst after a transient failure.
  package mutating func failed(at instant: Timestamp) { bucket.failed(at: instant) }

  /// Holds back all but first attempts and roles at their floor until `end`: a requested wait (`Retry-After`) applies to all roles.
  /// No burst follows.
  package mutating func hold(until end: Timestamp) { heldUntil = max(heldUntil ?? end, end) }

  /// Ends the hold at once; no burst follows.
  package mutating func release() { heldUntil = heldUntil.map { _ in .distantPast } }

  /// Returns the token of an attempt that sent nothing.
  package mutating func giveBack(at instant: Timestamp) { bucket.giveBack(at: instant) }

  /// Slows down after a throttled call.
  package mutating func throttled(at instant: Timestamp, using generator: inout some RandomNumberGenerator) {
    bucket.throttled(at: instant, using: &generator)
    reservationBucket.throttled(at: instant)
    checkBucket.throttled(at: instant)
  }

  /// Slows checks down after one that was throttled; nothing else, since STS limits each action separately.
  package mutating func checkThrottled(at instant: Timestamp) { checkBucket.throttled(at: instant) }

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double { bucket.currentRate(at: instant) }

  /// Sets whether calls for derived sessions have to wait, since as many are under way as may be.
  package mutating func setDerivedWait(_ waits: Bool) { derivedWait = waits }

  // MARK: - Checks

  /// Sets whether a check is ready and waits for its turn.
  package mutating func setCheckWaits(_ waits: Bool) { checkWaits = waits }

  /// Takes the tokens for the check that waits; false if it isn't its turn yet.
  package mutating func takeForCheck(at instant: Timestamp) -> Bool {
    guard case (.check, let chance)? = nextTurn(at: instant), chance <= instant else { return false }
    _ = bucket.take(at: instant)
    _ = checkBucket.take(at: instant)
    return true
  }

  /// Changes the rate. Queued attempts keep their place; spent tokens and the slowdown by throttling stay.
  package mutating func setRate(_ rate: Double, burst: Int, at instant: Timestamp) {
    bucket.set(rate: rate, burst: burst, at: instant)
    reservationBucket.set(rate: rate / 4, burst: burst / 4, at: instant)
    checkBucket.set(rate: rate / 4, burst: burst / 4, at: instant)
  }

  // MARK: - Order

  private func afterHold(_ chance: Timestamp) -> Timestamp { max(chance, heldUntil ?? chance) }

  /// `chance` or the end of the hold, whichever is later; but a role that reaches its floor during the hold starts then.
  private func afterHold(_ chance: Timestamp, of place: Place) -> Timestamp {
    let held = afterHold(chance)
    return place.floorReached.map { min(held, max(chance, $0)) } ?? held
  }

  private enum Turn {
    case attempt(Ticket)
    case check
  }

  /// The ticket whose turn it is, and when it may start.
  private mutating func nextTurn(at instant: Timestamp) -> (turn: Turn, chance: Timestamp)? {
    if let heldUntil, heldUntil <= instant {
      self.heldUntil = nil
      bucket.failed(at: instant)
    }
    guard let next = nextByTokens(at: instant) else { return nil }
    if case .attempt(let ticket) = next.turn, ticket.urgency == .first { return next }
    let held = afterHold(next.chance)
    // The role that reaches its floor first, which may not be the one that is next in order.
    guard heldUntil != nil,
      let place = [refreshes.firstKey, retries.firstKey].compactMap({ $0 }).filter({ $0.floorReached != nil }).min()
    else { return (next.turn, held) }
    let chance = afterHold(bucket.nextToken(at: instant), of: place)
    return chance < held ? (.attempt(place.ticket), chance) : (next.turn, held)
  }

  /// The ticket whose turn it is, and when its tokens are there; holds don't count.
  private mutating func nextByTokens(at instant: Timestamp) -> (turn: Turn, chance: Timestamp)? {
    if let ticket = nextNeeded, !holdsRetriesBack(at: instant) {
      return (.attempt(ticket), bucket.nextToken(at: instant))
    }
    // A ticket that still lacks tokens doesn't delay the others.
    let other = nextUnhurried(at: instant)
    guard checkWaits else { return other.map { (.attempt($0.ticket), $0.chance) } }
    let check = max(bucket.nextTokenOfAny(beyond: 1, at: instant), checkBucket.nextToken(at: instant))
    if let other, max(other.chance, instant) < max(check, instant) { return (.attempt(other.ticket), other.chance) }
    return (.check, check)
  }

  /// Whether retries have to wait for a check: the check has a token of its own, and no healthy role waits.
  private mutating func holdsRetriesBack(at instant: Timestamp) -> Bool {
    checkWaits && nextWorking == nil && checkBucket.nextToken(at: instant) <= instant
  }

  /// The next among reservations, late roles, derived sessions and spare calls.
  private mutating func nextUnhurried(at instant: Timestamp) -> (ticket: Ticket, chance: Timestamp)? {
    var next: (ticket: Ticket, chance: Timestamp)?
    if let place = reservations.firstKey {
      next = (place.ticket, max(bucket.nextToken(at: instant), reservationBucket.nextToken(at: instant)))
    }
    let session = derivedWait ? nil : derived.firstKey
    guard let other = [refreshes.firstKey, session].compactMap({ $0 }).min() else { return next }
    let chance = bucket.nextToken(beyond: 1, at: instant)
    // Reservations get a quarter of the rate at most, so the others still get their share. Derived sessions and roles together get no
    // more than the settings' check allows, so failing roles do, too.
    if let next, max(next.chance, instant) <= max(chance, instant) { return next }
    return (other.ticket, chance)
  }

  /// The next in order that is `first` or `due`.
  private var nextWorking: Place? {
    guard let place = refreshes.firstKey, place.group < 2 else { return nil }
    return place
  }

  /// The next to start among `first`, `due` and `retry`.
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
