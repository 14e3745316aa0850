import Core
import TestSupport
import Testing

/// What hosts' readers get at the least of sessions that come through a tier.
@Suite struct HostStageTests {
  /// A host and its tier, in seconds. Each machine replaces its session as late and as early as the pool may, and the host asks as
  /// `UpstreamSource` does: the machines in order, again after what the bundle says, and after failures by the daemon's own back-off.
  private struct Model {
    let timing: RoleTiming
    let stage: HostStage
    /// No session is issued from then on, for so long.
    var issuerOutage: (from: Double, for: Double)?
    /// No machine answers from then on, for so long, and then the last one alone.
    var outage: (from: Double, for: Double)?
    /// Whether every other request fails everywhere.
    var failsEveryOther = false
    var generator: SeededGenerator

    private func isUp(_ machine: Int, at time: Double) -> Bool {
      guard let outage, time >= outage.from else { return true }
      return time >= outage.from + outage.for && machine == stage.machines - 1
    }

    private mutating func rotations(until end: Double) -> [Double] {
      let step = timing.step.inSeconds
      var issued = [-step * generator.fraction]
      while let last = issued.last, last < end {
        var next = last + step * (0.9 + 0.2 * generator.extreme)
        if let issuerOutage, next >= issuerOutage.from, next < issuerOutage.from + issuerOutage.for {
          next = issuerOutage.from + issuerOutage.for + 75 * generator.extreme
        }
        issued.append(next)
      }
      return issued
    }

    /// The least that readers have had left.
    mutating func leastLife(until end: Double) -> Double {
      let machines = (0..<stage.machines).map { _ in rotations(until: end) }
      var (time, expiry, least) = (0.0, Double.infinity, Double.infinity)
      var backoff = Backoff()
      var fails = false
      while time < end {
        var answered: Double?
        for machine in 0..<stage.machines where answered == nil {
          if isUp(machine, at: time), !(failsEveryOther && fails) {
            let newest = machines[machine].last { $0 <= time }!
            time += stage.timeout.inSeconds / 2 * generator.extreme
            answered = newest + timing.duration.inSeconds
          } else {
            time += stage.timeout.inSeconds * generator.extreme
          }
        }
        fails.toggle()
        if let answered {
          if expiry < .infinity { least = min(least, expiry - time) }
          expiry = expiry < .infinity ? max(expiry, answered) : answered
          backoff = Backoff()
          time += stage.refresh.inSeconds
        } else {
          let failure = Failure(.transient, code: "Connect", advice: "look")
          let headroom = Duration.seconds(fraction: max(0, expiry - time - timing.floor.inSeconds))
          time += backoff.wait(after: failure, headroom: headroom, using: &generator).inSeconds
        }
      }
      return least
    }
  }

  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let timing: RoleTiming
    let machines: Int
    var timeout = Duration.seconds(10)
    /// How close to the bound, in seconds, the least life in the model comes after a loss of the tier.
    let margin: Double
  }

  private static let cases = [
    Case(
      testDescription: "replaced often, asked for seldom",
      timing: RoleTiming(refreshAfter: .minutes(2), floor: .minutes(5), surviveOutage: .minutes(5)), machines: 3,
      margin: 100),
    Case(testDescription: "the defaults", timing: RoleTiming(), machines: 3, margin: 100),
    Case(testDescription: "one machine", timing: RoleTiming(), machines: 1, margin: 100),
    Case(
      testDescription: "eight, each slow", timing: RoleTiming(refreshAfter: .minutes(4), floor: .minutes(5)),
      machines: 8,
      timeout: .seconds(30), margin: 300),
  ]

  /// The least of many runs, whose hosts are at all places that these may have.
  private func least(_ row: Case, _ change: (inout Model, inout SeededGenerator) -> Void) -> Double {
    var generator = SeededGenerator(seed: 12)
    return (0..<400).map { run in
      let place = 0.9 + 0.2 * Double(run % 9) / 8
      let stage = HostStage(
        refresh: .seconds(fraction: row.timing.hostRefresh.inSeconds * place), machines: row.machines,
        timeout: row.timeout)
      var model = Model(timing: row.timing, stage: stage, generator: SeededGenerator(seed: UInt64(run)))
      change(&model, &generator)
      return model.leastLife(until: 4 * 3600)
    }.min()!
  }

  private func stage(_ row: Case) -> HostStage {
    HostStage(refresh: row.timing.hostRefresh * 11 / 10, machines: row.machines, timeout: row.timeout)
  }

  @Test(arguments: cases) func `readers never have less, whichever request fails`(_ row: Case) {
    let bound = stage(row).leastLife(of: row.timing.shortestLife).inSeconds
    let found = least(row) { model, _ in model.failsEveryOther = true }
    #expect(found >= bound, "\(found) of \(bound) s")
    #expect(found < bound + row.margin / 4, "the bound is of no use: \(found) of \(bound) s")
  }

  @Test(arguments: cases) func `readers never have less, whenever the tier is lost`(_ row: Case) {
    let span = Duration.minutes(10)
    let bound = stage(row).leastLife(of: row.timing.shortestLife, through: span).inSeconds
    let found = least(row) { model, generator in
      model.outage = (3600 + 3600 * generator.fraction, span.inSeconds)
    }
    #expect(found >= bound, "\(found) of \(bound) s")
    #expect(found < bound + row.margin, "the bound is of no use: \(found) of \(bound) s")
  }

  /// While STS was away for as long as it may be, a host's request failed, too.
  @Test(
    arguments: cases.filter { $0.machines <= HostStage.standardMachines && $0.timeout == HostStage.standardTimeout })
  func `readers on hosts have the floor through the outage of STS that the role survives`(_ row: Case) {
    let found = least(row) { model, generator in
      model.issuerOutage = (3600 + 1800 * generator.fraction, row.timing.surviveOutage.inSeconds)
      model.failsEveryOther = true
    }
    #expect(found >= row.timing.floor.inSeconds, "\(found) s")
  }

  @Test func `the figures are those of the table`() {
    let stage = HostStage(refresh: .seconds(100), machines: 3, timeout: .seconds(10))
    #expect(stage.longestGap == .seconds(100 + 30 + 1 + 10 + 1))
    #expect(stage.recovery == .seconds(10 + 60 + 20 + 10 + 1))
    #expect(stage.leastLife(of: .seconds(1000), through: .seconds(300)) == .seconds(1000 - 100 - 300 - 101))
    let timing = RoleTiming(floor: .minutes(5), surviveOutage: .minutes(10))
    #expect(stage.neededLife(for: timing) == .seconds(100 + 300 + 600 + 101))
    #expect(RoleTiming.leastHostDelay == .seconds(66 + 42))
  }

  @Test func `a tier's hosts ask as often as the floor needs, and every ten minutes at the least`() {
    let hour = RoleTiming()
    #expect(hour.shortestLife == .seconds(2610))
    // 2610 s less floor, outage and 75 s is 135 s, which a host's longest time between two bundles must not exceed.
    #expect(hour.hostRefresh.wholeSeconds == 84)
    #expect(hour.hostLife.wholeSeconds == 2610 - 135)
    #expect(hour.hostPromise.wholeSeconds == 2610 - 93 - 101)
    #expect(RoleTiming(duration: .hours(12)).hostRefresh == .minutes(10))
    #expect(RoleTiming(floor: .minutes(22)).hostRefresh == .minutes(1))
  }

  /// Otherwise a tier would be accepted whose hosts can't have its roles' own floors.
  @Test func `a role that has what its hosts cost can promise them its own floor and outage`() {
    var generator = SeededGenerator(seed: 5)
    var count = 0
    for _ in 0..<2000 {
      let timing = RoleTiming(
        duration: .minutes(.random(in: 15...720, using: &generator)), pool: .random(in: 1...4, using: &generator),
        floor: .minutes(.random(in: 0...120, using: &generator)),
        surviveOutage: .minutes(.random(in: 0...120, using: &generator)))
      let needed = timing.surviveOutage + RoleTiming.outageOverhead + RoleTiming.leastHostDelay
      guard timing.outageCover >= needed else { continue }
      count += 1
      #expect(timing.hostPromise >= timing.floor + timing.surviveOutage, "\(timing)")
    }
    #expect(count > 500)
  }
}

extension SeededGenerator {
  /// One of the ends of 0 to 1, or something between.
  fileprivate var extreme: Double { mutating get { [0, 1, 1, fraction].randomElement(using: &self)! } }

  /// From 0 up to 1.
  fileprivate var fraction: Double { mutating get { .random(in: 0..<1, using: &self) } }
}
