import Core
import TestSupport
import Testing

@testable import bench

/// The rows of a daemon behind nginx, and the certificates they are measured with.
@Suite struct FleetRowTests {
  /// Whether each row with a target meets it, by its measure.
  private func verdicts(_ rows: [Row]) -> [String: Bool] {
    var verdicts: [String: Bool] = [:]
    for row in rows { verdicts[row.measure] = row.target?.isMet(by: row.finding) }
    return verdicts
  }

  @Test func `a bundle's CPU is held against what nginx takes for a new connection beyond a kept one`() {
    let kept = [Bench.BundleCost(daemon: 20, proxy: 50), Bench.BundleCost(daemon: 30, proxy: 50)]
    let new = [Bench.BundleCost(daemon: 25, proxy: 1450), Bench.BundleCost(daemon: 35, proxy: 1550)]
    let rows = Bench.bundleRows(ours: [900, 950], bare: [1000, 1000], kept: kept, new: new)
    #expect(rows[1].finding == Finding(ours: 25, yardstick: 1450, ratio: (20.0 / 1400 + 30.0 / 1500) / 2))
    #expect(verdicts(rows) == ["bundle-keep-alive-16-rate": true, "bundle-cpu": true])
    let cheap = new.map { Bench.BundleCost(daemon: $0.daemon, proxy: 200) }
    let missed = Bench.bundleRows(ours: [880, 890], bare: [1000, 1000], kept: kept, new: cheap)
    #expect(verdicts(missed) == ["bundle-keep-alive-16-rate": false, "bundle-cpu": false])
  }

  @Test func `a hundred thousand hosts are held to their memory and to the time to know one of them`() {
    func rows(_ memory: Double, _ known: Double) -> [Row] {
      Bench.hostRows(before: 4e6, after: memory, judged: [("p-256", (new: 120, known: [known, known, 99]))])
    }
    let (good, bad) = (rows(59e6, 9.9), rows(61e6, 10.1))
    #expect(verdicts(good) == ["memory-anonymous-hosts-100000": true, "judge-known-host-p-256": true])
    #expect(verdicts(bad) == ["memory-anonymous-hosts-100000": false, "judge-known-host-p-256": false])
    #expect(good.first { $0.measure == "memory-per-host" }?.finding.ours == 0.55)
  }

  @Test func `a tier's calls are held to the design's bound`() {
    func rows(_ calls: Double) -> [Row] { [Bench.tierRow(.hours(12), roles: 100, calls: calls, atMost: 2)] }
    #expect(verdicts(rows(1.99)) == ["simulated-tier-100-roles-12h": true])
    #expect(verdicts(rows(2.01)) == ["simulated-tier-100-roles-12h": false])
  }

  @Test func `a host's header is what nginx sends of its certificate`() throws {
    let directory = try TemporaryDirectory()
    let name = HostHeaders.firstHost
    let pem = try HostCertificate.make("/O=Example/CN=\(name)", "DNS:\(name)", "DNS:alias.example")
    let headers = try HostHeaders(certificate: directory.write(pem, to: "host.crt"))
    #expect(String(decoding: headers[0], as: UTF8.self) == HostCertificate.escaped(pem))
    // The name is there three times, and sed(1) replaces one in a line.
    let other = try (0..<3).reduce(pem) { pem, _ in
      try HostCertificate.replacing("host-000000.g0", by: "host-054321.g1", in: pem)
    }
    #expect(HostHeaders.name(of: 54_321) == "host-054321.g1.prod.example")
    #expect(String(decoding: headers[54_321], as: UTF8.self) == HostCertificate.escaped(other))
  }

  @Test func `a certificate of another host is no example for hosts`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(HostCertificate.make("/CN=other.example"), to: "host.crt")
    #expect(throws: BenchError.self) { try HostHeaders(certificate: path) }
  }
}
