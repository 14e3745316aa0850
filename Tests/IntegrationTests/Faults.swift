import Laboratory
import TestSupport
import Testing
import Wire

extension Lab {
  /// How many calls of a role had this outcome, by the daemon's metrics: `Success` or a failure's code.
  func attempts(of role: String, code: String) throws -> Int {
    let start = "rolekeeper_attempts_total{role=\"\(role)\",code=\"\(code)\"} "
    let line = try daemon.get("/metrics").body.split(separator: "\n").first { $0.hasPrefix(start) }
    return line.flatMap { Int($0.dropFirst(start.count)) } ?? 0
  }

  /// Has all roles fetch at once: all of them meet a fault at the same moment, and not at their next steps.
  func refresh(_ roles: [String]) throws {
    for role in roles { #expect(try daemon.post("/v1/roles/\(role)/refresh").status == 202) }
  }

  /// Waits until a reader uses what it got, which takes a program a moment; from then on it counts the time, too.
  func awaitUse() throws -> ContinuousClock.Instant {
    try eventually("a reader uses a credential") {
      try emulator.ask("GET", "/requests").contains("GetCallerIdentity")
    }
    return ContinuousClock.now
  }

  /// Waits until each role has had a rotation after this moment and none fails any more.
  func awaitRotations(of roles: [String], within seconds: Double = 30) throws {
    let before = Dictionary(uniqueKeysWithValues: try report().roles.map { ($0.name, $0.generation) })
    try eventually("roles rotate again:\n\(daemon.log)", within: seconds) {
      try report().roles.allSatisfy {
        !roles.contains($0.name)
          || ($0.lastError == nil && $0.state == .valid && $0.generation > before[$0.name, default: 0])
      }
    }
  }
}

extension Reader.Findings {
  /// Whether all reads gave a credential that was whole, good and taken by STS, for so long.
  func areFlawless(for span: Double) -> Bool { faults == 0 && used == reads && used > 0 && seconds >= span }
}

/// Waits until so much time has passed since `start`: what is watched meanwhile is the point. A reader's own time begins when its
/// program has started, which takes a busy machine some tenths of a second: where that is asked for, watch a second longer.
func watch(for span: Duration, since start: ContinuousClock.Instant) throws {
  try eventually("\(span) pass", within: span / .seconds(1) + 20) { ContinuousClock.now - start >= span }
}
