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
    return lines + violations(of: findings)
  }

  /// What happened that must not, and how to see it again.
  static func violations(of findings: Findings) -> [String] {
    guard !findings.violations.isEmpty else { return [] }
    return findings.violations.map { "  VIOLATED: \($0)" } + ["  \(findings.scenario.replayHint)"]
  }

  private static func line(of herd: Herd) -> String {
    "about its end at most \(herd.peak.tenths) calls in a second, of roles on their own \(herd.usual.tenths), "
      + "\(Int(herd.tenth * 100)) % in the same tenth of one"
  }

  private static func line(of recovery: Findings.Recovery) -> String {
    "after \(recovery.outage.length.text) of '\(recovery.outage.kind.rawValue)': at most \(recovery.peak.tenths) calls "
      + "in a second, \(recovery.mean.tenths) on average over 60 s; \(recovery.roles) roles recovered, p50 / p99: "
      + recovery.times.text + (recovery.herd.map { "; \(line(of: $0))" } ?? "")
  }
}

extension Quantiles {
  /// The median and the last hundredth, of all: `> 1h` is beyond what was watched, and how many are is in brackets.
  var text: String {
    guard count > 0 else { return "–" }
    let figures = "\(figure(0.5)) / \(figure(0.99))"
    return unended == 0 ? figures : "\(figures) (\(unendedShare.percent) not within \(watched.text))"
  }

  private func figure(_ share: Double) -> String { self[share].map { "\($0.tenths) s" } ?? "> \(watched.text)" }
}

extension Double {
  /// A share, with three significant digits where it is small.
  var percent: String {
    if self == 0 { return "0" }
    if self < 0.00001 { return "< 0.001 %" }
    return "\((self * 100_000).rounded() / 1000) %"
  }
}
