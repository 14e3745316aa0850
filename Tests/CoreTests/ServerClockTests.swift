import Core
import Testing

@Suite struct ServerClockTests {
  private static let start = Timestamp(microseconds: 1_000_000)
  private static let wall: Int64 = 1_800_000_000

  private static func clock(wrongBy seconds: Int64 = 0) -> ServerClock {
    ServerClock(wallMicroseconds: (wall + seconds) * 1_000_000, at: start)
  }

  private func observe(_ clock: inout ServerClock, date: Int64, life: Int64 = 3600) -> ServerClock.Verdict {
    clock.observeSuccess(
      date: UTCTime(seconds: Self.wall + date), expiration: UTCTime(seconds: Self.wall + date + life),
      asked: .hours(1), sent: Self.start)
  }

  @Test func `a date that agrees is accepted at once`() {
    var clock = Self.clock()
    #expect(observe(&clock, date: 20) == .agreed)
    #expect(clock.now(at: Self.start).seconds == Self.wall + 21)
  }

  /// A session's LastUpdated was up to a second in the future.
  @Test func `a time of issue is never later than the date of its answer`() {
    var clock = Self.clock()
    #expect(clock.noLater(than: Self.start).seconds == Self.wall, "the host's clock isn't truncated")
    #expect(observe(&clock, date: 20) == .agreed)
    #expect(clock.noLater(than: Self.start).seconds == Self.wall + 20)
  }

  /// "In use since" and its metric jumped by a second between two readings.
  @Test func `a displayed past time stays the same while the clock estimate improves slightly`() {
    var clock = Self.clock()
    let shown = clock.calendar(at: Self.start)
    for date in [0, 1, -2, 3] as [Int64] {
      _ = observe(&clock, date: date)
      #expect(clock.calendar(at: Self.start) == shown)
    }
    _ = observe(&clock, date: 20)
    #expect(clock.calendar(at: Self.start).seconds == Self.wall + 21, "what is more is a correction")
  }

  @Test func `a date that is far off counts once a second answer agrees`() {
    var clock = Self.clock()
    #expect(observe(&clock, date: 600) == .held(difference: .seconds(601)))
    #expect(clock.now(at: Self.start).seconds == Self.wall)
    #expect(observe(&clock, date: 601) == .adopted(shift: .seconds(602)))
    #expect(clock.now(at: Self.start).seconds == Self.wall + 602)
  }

  @Test func `two dates that contradict each other don't move the estimate`() {
    var clock = Self.clock()
    _ = observe(&clock, date: 600)
    #expect(observe(&clock, date: -600) == .held(difference: .seconds(-599)))
    #expect(clock.now(at: Self.start).seconds == Self.wall)
  }

  @Test(arguments: [0, -5, 3661]) func `an impossible lifetime makes the date worthless`(_ life: Int64) {
    var clock = Self.clock()
    #expect(observe(&clock, date: 0, life: life) == .implausible)
  }

  @Test func `an unconfirmed later date already ends sessions earlier`() {
    var clock = Self.clock()
    let end = UTCTime(seconds: Self.wall + 3600)
    #expect(clock.instant(of: end) == Self.start + .seconds(3600))
    _ = observe(&clock, date: 600)
    #expect(clock.instant(of: end) == Self.start + .seconds(2999))
  }

  @Test func `after a skew error the server's date signs one retry, and stays if that succeeds`() {
    var clock = Self.clock(wrongBy: -86_400)
    clock.observeSkew(date: UTCTime(seconds: Self.wall), sent: Self.start)
    #expect(clock.dateForSigning(at: Self.start).seconds == Self.wall + 1)
    #expect(clock.now(at: Self.start).seconds == Self.wall - 86_400)
    #expect(observe(&clock, date: 0) == .adopted(shift: .seconds(86_401)))
    #expect(clock.now(at: Self.start).seconds == Self.wall + 1)
  }

  @Test func `a failed trial of a date leaves no trace`() {
    var clock = Self.clock()
    clock.observeSkew(date: UTCTime(seconds: Self.wall + 9000), sent: Self.start)
    clock.endTrial()
    #expect(clock.dateForSigning(at: Self.start).seconds == Self.wall)
  }

  @Test func `a stepped wall clock counts only until the server's date is known`() {
    var clock = Self.clock()
    clock.wallClockStepped(toMicroseconds: (Self.wall + 86_400) * 1_000_000, at: Self.start)
    #expect(clock.now(at: Self.start).seconds == Self.wall + 86_400)
    _ = observe(&clock, date: 86_400)
    clock.wallClockStepped(toMicroseconds: Self.wall * 1_000_000, at: Self.start)
    #expect(clock.now(at: Self.start).seconds == Self.wall + 86_401)
  }

  @Test func `the server's lead over the host is known once the server has answered`() throws {
    var clock = Self.clock()
    #expect(clock.lead(overWallMicroseconds: Self.wall * 1_000_000, at: Self.start) == nil)
    _ = observe(&clock, date: 20)
    // Twenty to twenty-one seconds.
    #expect(clock.lead(overWallMicroseconds: Self.wall * 1_000_000, at: Self.start) == .milliseconds(20_500))
    // The host's clock is set right, ten seconds later.
    let later = Self.start + .seconds(10)
    #expect(clock.lead(overWallMicroseconds: (Self.wall + 30) * 1_000_000, at: later) == .milliseconds(500))
  }
}
