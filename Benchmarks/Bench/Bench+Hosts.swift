import Core
import Fleet
import Glibc
import Laboratory
import TestSupport

/// A hundred thousand hosts of one daemon: how much memory they take, and how long it takes to know one.
extension Bench {
  private static let hosts = 100_000
  private static let rules = 50

  func measureHosts(_ report: inout Report) throws {
    guard geteuid() == 0 else { throw BenchError("hosts are measured as root, who can be nginx's user") }
    let fleet = try FleetStage(roles: Self.rules)
    // With an RSA key, and with so many names, a certificate has some 1.5 kB.
    let rsa = try HostHeaders(certificate: try fleet.identity(key: "rsa:2048", names: 19).certificate)
    let ec = try HostHeaders(certificate: try fleet.identity().certificate)
    let before = try memory(fleet.stage, roles: Self.rules).anonymous
    try Self.askAsEach(of: rsa, fleet)
    let after = try memory(fleet.stage, roles: Self.rules).anonymous
    let judged = try [("rsa-2048", rsa), ("p-256", ec)].map { (key: $0, times: try judge($1)) }
    report.add(
      "A hundred thousand hosts",
      """
      Each of \(Self.hosts) hosts has asked once for its bundle, with a certificate of its own (RSA 2048, \(rsa.size) bytes in DER) in nginx's header, \
      over the socket, and there are \(Self.rules) roles with a rule for hosts each; a host may read \(Self.rules / HostHeaders.parts) of them. Memory is \
      the daemon's, from /metrics, as above. The time is that from the header, percent-encoded, to the host and its roles, in the daemon's own code \
      within this program (HostIdentities): of \(Self.hosts) hosts that are known, each once in a random order, the mean of a round and the \
      median of \(form.rounds) rounds; and of hosts that are new. Certificates with P-256 have \(ec.size) bytes.
      """,
      Self.hostRows(before: before, after: after, judged: judged))
  }

  /// Memory before and after in bytes; `judged` are times in µs, by the certificates' key.
  static func hostRows(before: Double, after: Double, judged: [(key: String, times: JudgingTimes)]) -> [Row] {
    let memory = [
      Row.bounded("memory-anonymous-hosts-\(hosts)", "MB", after / 1e6, atMost: 60),
      Row(measure: "memory-per-host", unit: "kB", ours: (after - before) / Double(hosts) / 1000),
    ]
    return memory
      + judged.flatMap { key, times in
        [
          Row.bounded("judge-known-host-\(key)", "us", median(times.known), atMost: 10),
          Row(measure: "judge-new-host-\(key)", unit: "us", ours: times.new),
        ]
      }
  }

  /// In µs for each host: when it is new, and in each round when it is known.
  typealias JudgingTimes = (new: Double, known: [Double])

  /// Asks for the bundle of each host on one connection, as nginx does.
  private static func askAsEach(of headers: HostHeaders, _ fleet: FleetStage) throws {
    let connection = try fleet.connectAsProxy()
    for number in 0..<hosts {
      try connection.send(FleetStage.request(headers[number]))
      let reply = try connection.readReply()
      guard reply.status == 200, reply.body.hasPrefix("{\"host\":\"\(HostHeaders.name(of: number))\"") else {
        throw BenchError("host \(number) got \(reply.status) and not its bundle: \(reply.body.prefix(200))")
      }
    }
  }

  private func judge(_ hosts: HostHeaders) throws -> JudgingTimes {
    let identities = HostIdentities {
      (0..<Self.rules).map { (RoleName(Stage.name($0))!, [HostPattern(FleetStage.pattern(ofRole: $0))!]) }
    }
    var headers = (0..<Self.hosts).map { hosts[$0] }
    func round() throws -> Double {
      var roles = 0
      let time = try seconds {
        for header in headers { roles += try identities.host(of: header.span).roles.names.count }
      }
      guard roles == Self.hosts * Self.rules / HostHeaders.parts, identities.count == Self.hosts else {
        throw BenchError("\(identities.count) hosts have \(roles) roles")
      }
      return time * 1e6 / Double(Self.hosts)
    }
    let new = try round()
    let known = try (0..<form.rounds).map { _ in
      headers.shuffle()
      return try round()
    }
    return (new, known)
  }
}
