import Glibc
import Laboratory
import TestSupport

/// A daemon that serves other hosts, and an authority for their certificates.
final class FleetStage {
  static let target = "/v1/bundle"

  let stage: Stage
  let authority: HostAuthority

  /// Each role is open to every host of one part; there are `parts` of them.
  init(roles: Int, parts: Int = HostHeaders.parts, tokenLength: Int = Stage.tokenLength) throws {
    authority = try HostAuthority()
    stage = try Stage(roles: roles, tokenLength: tokenLength)
    // Only nginx's own user passes hosts on; the mode lets it connect.
    stage.lab.draft.socket = "mode = \"0666\"\nmax_connections = \(Stage.ConnectionLimits.raisedTo)"
    stage.lab.draft.fleet = "trusted_proxy = \(NginxProxy.uid)"
    for place in stage.lab.draft.roles.indices {
      stage.lab.draft.roles[place].more =
        "allow = { users = [\(geteuid())], hosts = [\"\(Self.pattern(ofRole: place, parts: parts))\"] }"
    }
    try stage.lab.writeSettings()
    try stage.start()
    try stage.fillPools()
  }

  static func pattern(ofRole place: Int, parts: Int = HostHeaders.parts) -> String {
    "*.g\(place % parts).prod.example"
  }

  /// A certificate of the first host.
  func identity(key: String = "ec -pkeyopt ec_paramgen_curve:P-256", names: Int = 1) throws -> HostAuthority.Identity {
    let others = (1..<names).map { "DNS:alias-\($0).of.a.host.in.the.fleet.example" }
    return try authority.issue(
      "/O=Example/CN=\(HostHeaders.firstHost)", ["DNS:\(HostHeaders.firstHost)"] + others, key: key)
  }

  /// A connection as nginx's user: SO_PEERCRED names the effective user who connects.
  func connectAsProxy() throws -> StreamConnection {
    guard seteuid(NginxProxy.uid) == 0 else { throw BenchError("cannot be nginx's user; run this as root") }
    defer { precondition(seteuid(0) == 0, "cannot be root again") }
    return try StreamConnection(unix: stage.socket)
  }

  /// What nginx sends to have a host's bundle.
  static func request(_ header: [UInt8]) -> String {
    "GET \(target) HTTP/1.1\r\nHost: rolekeeperd\r\nRolekeeper-Client-Certificate: \(String(decoding: header, as: UTF8.self))\r\n\r\n"
  }

  /// A server that sends the very bytes of a host's bundle, head and body, whatever it is asked.
  func startBareServer(_ header: [UInt8]) throws -> BareServer {
    let connection = try connectAsProxy()
    try connection.send(Self.request(header))
    let bare = try BareServer(reply: try connection.readRaw(), in: stage.lab.directory)
    chmod(bare.socket, 0o666)
    return bare
  }
}

extension NginxProxy {
  /// User and system time of all its processes, in seconds.
  func cpu() throws -> Double { try processes.map { try cpuSeconds($0) }.reduce(0, +) }
}
