import Core
import Glibc
import Settings
import TestSupport
import Testing
import Wire

@testable import Diagnosis

/// What `doctor` finds on the machines of a tier, on their hosts, and on hosts that share an account's quota.
@Suite struct TierFindingTests {
  private static let advice = "the account's quota is used up"

  private static func report(
    _ regions: [(String, RegionStatus.Condition, Double)] = [], rate: Double = 2, fleet: FleetStatus? = nil
  ) -> StatusReport {
    StatusReport(
      version: Version.number, pid: 1, startedAt: nil, roles: [], sources: [],
      endpoints: regions.map { name, condition, rate in
        EndpointStatus(
          endpoint: "sts-vpc.\(name).aliyuncs.com", answers: 1, failures: 0, lastAnswerAt: nil,
          latestFailure: condition == .failing ? "Connect" : nil,
          region: RegionStatus(condition, requestsPerSecond: rate))
      }, rate: RateStatus(requestsPerSecond: rate, configured: 2, queued: 0), health: Health([]), fleet: fleet)
  }

  private static func role(_ name: String, _ code: String?) -> RoleStatus {
    RoleStatus(
      name: name, state: code == nil ? .valid : .waiting,
      lastError: code.map { LastError(Failure(.throttled(wait: nil), code: $0, advice: advice), since: nil) })
  }

  /// It was silent about it.
  @Test func `a home region that throttles is a warning with its rate, and that others answer`() {
    let found = SocketFindings.throttling(
      Self.report([("cn-beijing", .throttled, 0.234), ("cn-shanghai", .working, 2)]), [Self.role("a", nil)])
    #expect(found.map(\.verdict) == [.warning] && found.map(\.subject) == ["region cn-beijing"])
    #expect(found.first?.text == "AssumeRole is throttled, 0.23 of 2 per second; other regions answer")
    #expect(found.first?.next?.contains("goes on by itself") == true)
    let failing = SocketFindings.throttling(
      Self.report([("cn-beijing", .working, 2), ("cn-shanghai", .failing, 2)]), [])
    #expect(failing.map(\.text) == ["doesn't answer (Connect); other regions answer"])
    #expect(SocketFindings.throttling(Self.report([("cn-beijing", .working, 2)]), []).isEmpty)
    #expect(SocketFindings.throttling(Self.report(), [Self.role("a", nil)]).isEmpty)
  }

  /// "lower 'requests_per_second' …, or write more 'regions'", ten times over, in the cold start of a fleet.
  @Test func `what a used-up quota means is said once for all roles`() {
    let roles = (1...10).map { Self.role("r\($0)", "Throttling.User") }
    let found = SocketFindings.throttling(Self.report(rate: 0.09), roles)
    #expect(found.map(\.text) == ["AssumeRole is throttled, 0.09 of 2 per second; 10 roles wait for it"])
    #expect(found.map(\.next) == [Self.advice])
    let regions = SocketFindings.throttling(
      Self.report([("a", .throttled, 0.1), ("b", .working, 2)]), [Self.role("x", "Throttling.User")])
    #expect(regions.map(\.subject) == ["region a", "STS"] && regions[1].text.hasSuffix("1 role waits for it"))
    #expect(regions.map(\.next) == [nil, Self.advice])
    let two = SocketFindings.throttling(Self.report([("a", .throttled, 0.1), ("b", .throttled, 0.1)]), [])
    #expect(two.map { $0.next == nil } == [false, true])
    let now = UTCTime(seconds: 0)
    let all = roles.flatMap { SocketFindings.role($0, now: now, besides: [Self.advice]) }
    #expect(all.allSatisfy { $0.next == nil && $0.verdict == .failed && $0.text == "waiting: Throttling.User" })
    let reader = SocketFindings.role(roles[0], now: now, besides: [])
    #expect(reader.map(\.next) == [Self.advice])
  }

  @Test func `a tier is quiet if its proxy wasn't seen for ten minutes`() {
    func finding(_ ago: Duration?) -> Finding? {
      let fleet = FleetStatus(
        hosts: 187, refused: 2, waiting: 143, proxy: "rolekeeper-nginx", proxyUID: 990,
        proxySeen: ago.map { (at: UTCTime(seconds: 0), ago: $0) }, connections: 146, mostConnections: 1024,
        refusedConnections: 0)
      return SocketFindings.fleet(Self.report(fleet: fleet)).first
    }
    #expect(finding(.seconds(2))?.verdict == .ok && finding(.minutes(11))?.verdict == .warning)
    #expect(finding(nil)?.text.contains("proxy 'rolekeeper-nginx' not seen since the start") == true)
    #expect(SocketFindings.fleet(Self.report()).isEmpty)
  }

  @Test func `listening ports are read as the kernel writes them`() {
    let text = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 1 1 0 100 0 0 10 0
         1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 0 0
         2: 0100007F:0016 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
      """
    #expect(ListeningPorts.ports(in: text) == [443, 8080] && ListeningPorts.ports(in: "").isEmpty)
    #expect(Finding.fleetListener([443]).verdict == .ok && Finding.fleetListener([80]).verdict == .warning)
    #expect(Finding.fleetListener(nil).verdict == .skipped)
    let own = ListeningPort()
    #expect(ListeningPorts.read()?.contains(own.port) == true)
    withExtendedLifetime(own) {}
  }

  /// A certificate of three minutes, and one that had ended, went unnoticed.
  @Test func `a host's certificate is a warning in its last fifth, and a failure after its end`() throws {
    let directory = try TemporaryDirectory()
    try PrivateCertificate.make("web1", names: "DNS:web1.prod.example", in: directory)
    func finding(after seconds: Int64, key: String = "web1.key", isDaemonsUser: Bool = true) -> Finding? {
      let source = SourceSettings(
        name: "uri",
        kind: .credentialsURI(
          CredentialsURISettings(
            place: .https(
              url: "https://x", caFile: nil, certificate: directory.path("web1.crt"), key: directory.path(key)))))
      return CertificateFindings(
        [source], now: UTCTime(seconds: Int64(time(nil)) + seconds), isDaemonsUser: isDaemonsUser
      ).findings.first
    }
    let good = finding(after: 10)
    #expect(good?.verdict == .ok && good?.text.hasPrefix("certificate of 'web1.prod.example' until 20") == true)
    let late = finding(after: 40 * 3600)
    #expect(late?.verdict == .warning && late?.text.contains("last fifth") == true, "\(String(describing: late))")
    #expect(finding(after: 49 * 3600)?.verdict == .failed && finding(after: -3600)?.verdict == .failed)
    try PrivateCertificate.make("other", in: directory)
    #expect(finding(after: 0, key: "other.key")?.verdict == .failed)
    #expect(CertificateFindings([], now: UTCTime(seconds: 0), isDaemonsUser: true).findings.isEmpty)
  }
}
