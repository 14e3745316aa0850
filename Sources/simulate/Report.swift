import Core
import Simulation

/// What one run found, for people.
enum Report {
  static func lines(_ findings: Findings, seconds: Double) -> [String] {
    let scenario = findings.scenario
    let sampled = scenario.simulatedHosts < scenario.hosts
    var lines = [
      "\(scenario.name), seed \(scenario.seed): \(scenario.hosts) hosts × \(scenario.rolesPerHost) roles × "
        + "\(scenario.span.text), in \(seconds.tenths) s"
    ]
    if sampled {
      let limit = (scenario.accountLimit * scenario.share).tenths
      lines.append("  \(scenario.simulatedHosts) hosts simulated, with \(limit) of the account's calls per second")
    }
    lines.append(
      "  calls \(findings.counts.calls), granted \(findings.counts.granted), throttled \(findings.counts.throttled)")
    lines.append(
      "  reads below the floor \(findings.belowFloorShare.percent), refused \(findings.unservedShare.percent), "
        + "expired \(findings.reads.expired) µs")
    if findings.counts.reservationsServed > 0 {
      lines.append(
        "  reservations served \(findings.counts.reservationsServed), failed \(findings.counts.reservationsFailed)")
    }
    lines += findings.recoveries.map { "  \(line(of: $0))" }
    return lines + findings.violations.map { "  VIOLATED: \($0)" }
  }

  private static func line(of recovery: Findings.Recovery) -> String {
    "after \(recovery.outage.length.text) of '\(recovery.outage.kind.rawValue)': at most \(recovery.peak.tenths) calls "
      + "in a second, \(recovery.mean.tenths) on average over 60 s; \(recovery.roles) roles recovered in "
      + "\(recovery.times.text), \(recovery.unrecovered) didn't"
  }
}

extension Quantiles {
  /// The median and the last hundredth.
  var text: String {
    guard let half = self[0.5], let most = self[0.99] else { return "–" }
    return "\(half.tenths) s / \(most.tenths) s"
  }
}

extension Double {
  /// A share, with three significant digits where it is small.
  var percent: String {
    if self == 0 { return "0" }
    if self < 0.00001 { return "< 0.001 %" }
    return "\((self * 100_000).rounded() / 1000) %"
  }
}
