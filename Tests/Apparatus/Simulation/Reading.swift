import Core

/// What readers of one role get, who read all the time.
struct Reading {
  /// The session that is handed out, as its hand-out was rendered.
  struct Served {
    var session: Session
    var lapses: Timestamp
    var floorReached: Timestamp
    /// When it ends by the server's own clock, which the host doesn't see.
    let trueEnd: Timestamp

    init(_ session: Session, timing: RoleTiming) {
      self.session = session
      trueEnd = ModelledSTS.instant(of: session.expiration)
      lapses = session.expires - timing.lapseMargin
      floorReached = session.expires - timing.floor
    }

    mutating func judge(by clock: ServerClock, timing: RoleTiming) {
      session.judge(by: clock)
      lapses = session.expires - timing.lapseMargin
      floorReached = session.expires - timing.floor
    }
  }

  private var served: Served?
  /// Its number, by itself: it is looked at after each event, and a copy of the session costs more than the rest of that.
  private(set) var servedID: SessionID?
  /// Up to when its reads are counted.
  private var since = Timestamp(microseconds: 0)

  mutating func begin(at now: Timestamp) { since = max(since, now) }

  mutating func serve(_ session: Session?, timing: RoleTiming, at now: Timestamp, _ tally: inout ReadTally) {
    serve(session.map { Served($0, timing: timing) }, at: now, &tally)
  }

  mutating func serve(_ served: Served?, at now: Timestamp, _ tally: inout ReadTally) {
    count(until: now, &tally)
    self.served = served
    servedID = served?.session.id
  }

  mutating func judge(by clock: ServerClock, timing: RoleTiming, at now: Timestamp, _ tally: inout ReadTally) {
    count(until: now, &tally)
    served?.judge(by: clock, timing: timing)
  }

  /// Counts the reads since the last count: exactly, by the instants at which what is read changes.
  mutating func count(until now: Timestamp, _ tally: inout ReadTally) {
    guard now > since else { return }
    let start = since
    since = now
    tally.all += now.microseconds - start.microseconds
    guard let served else {
      tally.unserved += now.microseconds - start.microseconds
      return
    }
    // Nearly always: nothing of note happens to a session between two rotations.
    if now <= served.floorReached && now <= served.trueEnd { return }
    let end = min(now, served.lapses)
    tally.belowFloor += max(0, end.microseconds - max(start, served.floorReached).microseconds)
    tally.expired += max(0, end.microseconds - max(start, served.trueEnd).microseconds)
    tally.unserved += max(0, now.microseconds - max(start, served.lapses).microseconds)
  }
}

/// Reads of all roles, each weighed by the time in which it would have been made: microseconds.
package struct ReadTally: Sendable {
  package fileprivate(set) var all: Int64 = 0
  /// Handed out with less than the floor, by the daemon's own judgement.
  package fileprivate(set) var belowFloor: Int64 = 0
  /// Handed out although it had ended by the server's clock: must be nothing.
  package fileprivate(set) var expired: Int64 = 0
  /// Refused since nothing was valid.
  package fileprivate(set) var unserved: Int64 = 0
}
