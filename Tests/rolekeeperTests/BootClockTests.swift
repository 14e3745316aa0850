import Core
import Testing

@testable import rolekeeper

@Suite struct BootClockTests {
  /// After a suspend, a deadline came late by the whole time of it.
  @Test func `a wait is limited, since poll doesn't count suspend, and never ends before its deadline`() {
    let now = Timestamp(microseconds: 5_000_000)
    #expect(BootClock.milliseconds(until: now + .microseconds(1), from: now) == 1)
    #expect(BootClock.milliseconds(until: now + .milliseconds(29_999), from: now) == 29_999)
    #expect(BootClock.milliseconds(until: now + .hours(5), from: now) == 30_000)
    #expect(BootClock.milliseconds(until: now - .seconds(5), from: now) == 0)
  }
}
