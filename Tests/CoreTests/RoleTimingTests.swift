import Core
import TestSupport
import Testing

/// When sessions are replaced that live shorter than those that the settings are written for.
@Suite struct RoleTimingTests {
  private static func step(_ timing: RoleTiming, _ life: Duration) -> Double {
    timing.stepSeconds(life: life.inSeconds, floor: timing.floor.inSeconds)
  }

  @Test(arguments: 1...8) func `half of duration, or more, is scaled to what is granted`(pool: Int) {
    for share in [2, 1] {
      let timing = RoleTiming(
        pool: pool, refreshAfter: Duration.hours(1) / share, floor: .minutes(2), surviveOutage: .minutes(5))
      for life in [Duration.hours(1), .minutes(40), .minutes(15), .minutes(1)] {
        let scaled = life.inSeconds / Double(share * pool)
        #expect(abs(Self.step(timing, life) - scaled) < 0.001, "\(life), 1/\(share)")
      }
    }
  }

  /// A scope's session of 15 min was thrown away after 19 s.
  @Test func `an age that is already short isn't scaled down for a scope`() {
    let role = RoleTiming(duration: .hours(12), refreshAfter: .minutes(30))
    let scope = role.derived(limit: .minutes(15))
    #expect(scope.pool == 1 && scope.duration == .minutes(15) && scope.floor == .seconds(25))
    #expect(scope.refreshAfter == .seconds(225) && scope.callsPerSecond == 1 / 225.0)
    var session = SimulatedRole(scope)
    session.start()
    session.run(for: .hours(1))
    #expect((15...18).contains(session.attempts.count), "\(session.attempts.count) calls in an hour")
    #expect(!session.reports.contains { if case .belowFloor = $0 { true } else { false } })
  }

  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let timing: RoleTiming
    let life: Duration
    let step: Double
  }

  @Test(arguments: [
    Case(
      testDescription: "longer than four steps: as it is written",
      timing: RoleTiming(refreshAfter: .minutes(10), floor: .minutes(2), surviveOutage: .minutes(10)),
      life: .minutes(30),
      step: 300),
    Case(
      testDescription: "a quarter of the life",
      timing: RoleTiming(refreshAfter: .minutes(20), floor: .minutes(2), surviveOutage: .minutes(10)),
      life: .minutes(20),
      step: 300),
    Case(
      testDescription: "no later than leaves the floor and a share of the outage",
      timing: RoleTiming(pool: 1, refreshAfter: .minutes(10), floor: .minutes(15), surviveOutage: .minutes(16)),
      life: .minutes(30), step: 7 * 60 / 1.1),
    Case(
      testDescription: "as before, where the floor is just kept",
      timing: RoleTiming(pool: 1, refreshAfter: .minutes(10)), life: .minutes(30), step: 300),
    Case(
      testDescription: "only validity, where the floor is out of reach",
      timing: RoleTiming(refreshAfter: .seconds(10)), life: .seconds(30), step: 5),
    Case(
      testDescription: "in time before it lapses", timing: RoleTiming(refreshAfter: .seconds(10)), life: .seconds(20),
      step: 5 / 1.1),
    Case(
      testDescription: "no sooner than a second", timing: RoleTiming(lapseMargin: .seconds(1)), life: .seconds(3),
      step: 1),
    // It lapsed before the next one came.
    Case(
      testDescription: "sooner than a second, if sessions are valid for one",
      timing: RoleTiming(lapseMargin: .seconds(1)), life: .seconds(2), step: 0.5),
    Case(
      testDescription: "in time before it lapses, be that sooner than a second",
      timing: RoleTiming(refreshAfter: .seconds(10)), life: .seconds(16), step: 1 / 1.1),
    Case(
      testDescription: "a step below a second as it is written",
      timing: RoleTiming(pool: 16, refreshAfter: .seconds(2)), life: .minutes(15), step: 0.125),
  ])
  func `a shorter life has a step that it needs`(row: Case) {
    #expect(abs(Self.step(row.timing, row.life) - row.step) < 0.001)
  }

  /// 34 calls per second were made.
  @Test func `sessions of seconds don't cause calls without end`() {
    var role = SimulatedRole(RoleTiming(refreshAfter: .seconds(10)))
    role.answer = { _, _ in .grants(.seconds(20)) }
    role.start()
    role.run(for: .minutes(1))
    #expect((10...16).contains(role.attempts.count), "\(role.attempts.count) calls in a minute")
  }

  @Test func `no life is served worse than by a scaled step, nor called for more often`() {
    var generator = SeededGenerator(seed: 7)
    func seconds(_ range: ClosedRange<Int>) -> Duration { .seconds(Int.random(in: range, using: &generator)) }
    for _ in 0..<20_000 {
      let duration = seconds(900...43_200)
      let timing = RoleTiming(
        duration: duration, pool: Int.random(in: 1...16, using: &generator),
        refreshAfter: seconds(2...Int(duration.wholeSeconds)), floor: seconds(0...Int(duration.wholeSeconds)),
        surviveOutage: seconds(0...7200))
      let life = seconds(16...Int(duration.wholeSeconds)).inSeconds
      let floor = timing.floor.inSeconds
      let planned = timing.refreshAfter.inSeconds / Double(timing.pool)
      let scaled = planned * life / duration.inSeconds
      let step = timing.stepSeconds(life: life, floor: floor)
      #expect(step <= planned && step >= scaled * 0.999, "\(timing), \(life) s")
      if scaled > 1, life - 1.1 * scaled >= floor {
        #expect(life - 1.1 * step >= floor - 0.001, "\(timing), \(life) s")
      }
    }
  }
}
