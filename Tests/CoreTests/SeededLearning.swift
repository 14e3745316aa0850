import TestSupport

@testable import Core

// What chance decides is only when a host of a fleet returns: most tests are of hosts that are alone.

extension HostSchedule {
  mutating func learn(from failure: Failure, of slot: Int, date: UTCTime?, sent: Timestamp, at now: Timestamp) {
    var chance = SeededGenerator(seed: 1)
    learn(from: failure, of: slot, date: date, sent: sent, at: now, using: &chance)
  }
}

extension FetchQueue {
  mutating func throttled(at instant: Timestamp) {
    var chance = SeededGenerator(seed: 1)
    throttled(at: instant, using: &chance)
  }
}

extension RegionalRate {
  mutating func throttled(at instant: Timestamp) {
    var chance = SeededGenerator(seed: 1)
    throttled(at: instant, using: &chance)
  }

  mutating func answered(_ name: String) { answered(name, at: .distantPast) }
}
