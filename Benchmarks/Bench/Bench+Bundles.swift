import Core
import Fleet
import Glibc
import Laboratory
import TestSupport

/// A daemon that serves other hosts, behind nginx.
extension Bench {
  private static let roles = 10
  /// With these a bundle of ten roles has 11 kB.
  private static let tokenLength = 780
  private static let connections = 16

  func measureBundles(_ report: inout Report) throws {
    guard geteuid() == 0 else { throw BenchError("hosts' bundles are measured as root, who can be nginx's user") }
    let title = "Bundles through nginx"
    guard access("/usr/sbin/nginx", X_OK) == 0 else {
      return report.add(title, "Not measured: nginx isn't installed here.", [])
    }
    let fleet = try FleetStage(roles: Self.roles, parts: 1, tokenLength: Self.tokenLength)
    let identity = try fleet.identity()
    let bare = try fleet.startBareServer(try HostHeaders(certificate: identity.certificate)[0])
    // nginx would close each connection after a thousand requests, and some handshakes would be part of the rate.
    let settings = "keepalive_requests 10000000;"
    let ours = try NginxProxy(for: fleet.stage.socket, hosts: fleet.authority, settings: settings)
    let theirs = try NginxProxy(for: bare.socket, hosts: fleet.authority, settings: settings)
    func load(_ proxy: NginxProxy, connections: Int, isNew: Bool = false) -> Load {
      Load(
        request: .get(FleetStage.target), connections: connections, makesNewConnections: isNew,
        tls: Load.TLS(identity: identity, authority: proxy.authorityPath))
    }
    func rate(_ proxy: NginxProxy) throws -> Double {
      try load(proxy, connections: Self.connections).run(on: "\(proxy.port)", form).rate
    }
    let rates = try interleaved([{ try rate(ours) }, { try rate(theirs) }])
    let costs = try interleaved([
      { try bundleCost(load(ours, connections: 1), of: fleet, ours) },
      { try bundleCost(load(ours, connections: 1, isNew: true), of: fleet, ours) },
    ])
    report.add(
      title,
      """
      nginx with the configuration that is installed and two workers, by TLS with a client's certificate, P-256 like the server's; a bundle of \
      \(Self.roles) roles, \(try bundleSize(of: fleet, identity)) bytes. The rate is that of \(Self.connections) kept connections, each with one \
      request under way, beside another nginx of this kind in front of a bare epoll server in C that sends the same bytes. The CPU of rolekeeperd \
      for a bundle, with one kept connection, is beside nginx's for a full handshake: what its processes take for a bundle on a new connection, \
      less what they take for one on a kept connection. `bundle-nginx-cpu` is the latter.
      """, Self.bundleRows(ours: rates[0], bare: rates[1], kept: costs[0], new: costs[1]))
  }

  static func bundleRows(ours: [Double], bare: [Double], kept: [BundleCost], new: [BundleCost]) -> [Row] {
    let handshakes = zip(new, kept).map { $0.proxy - $1.proxy }
    return [
      .compared(
        "bundle-keep-alive-\(connections)-rate", "1/s", ours, with: bare, beside: "bare C behind nginx",
        target: .ratioAtLeast(0.9)),
      .compared(
        "bundle-cpu", "us", kept.map(\.daemon), with: handshakes, beside: "nginx's TLS handshake",
        target: .ratioAtMost(0.1)),
      Row(measure: "bundle-nginx-cpu", unit: "us", ours: median(kept.map(\.proxy))),
    ]
  }

  /// What a bundle takes of the CPU, in µs.
  struct BundleCost {
    let daemon: Double
    let proxy: Double
  }

  private func bundleCost(_ load: Load, of fleet: FleetStage, _ proxy: NginxProxy) throws -> BundleCost {
    // Without warm-up, since its CPU time can't be separated.
    var form = form
    (form.seconds, form.warmUp) = (form.seconds * 2, 0)
    let daemon = fleet.stage.lab.daemon.child.pid
    let (daemonBefore, proxyBefore) = (try cpuSeconds(daemon), try proxy.cpu())
    let requests = Double(try load.run(on: "\(proxy.port)", form).requests)
    return BundleCost(
      daemon: (try cpuSeconds(daemon) - daemonBefore) * 1e6 / requests,
      proxy: (try proxy.cpu() - proxyBefore) * 1e6 / requests)
  }

  private func bundleSize(of fleet: FleetStage, _ identity: HostAuthority.Identity) throws -> Int {
    let connection = try fleet.connectAsProxy()
    try connection.send(FleetStage.request(try HostHeaders(certificate: identity.certificate)[0]))
    return try connection.readReply().body.utf8.count
  }
}
