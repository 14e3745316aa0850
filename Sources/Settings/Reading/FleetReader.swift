import Core

/// Reads `[fleet]`.
struct FleetReader {
  /// Users as which other programs run on many hosts: whoever breaks into one of those would have every host's roles.
  private static let sharedUsers = ["www-data", "nobody", "nginx", "daemon"]

  private typealias Keys = Schema.Fleet

  private let table: TableReader
  private let isWritten: Bool

  init(_ main: TableReader) {
    table = main.table(Schema.fleet, Keys.table)
    isWritten = main.isWritten(Schema.fleet) || main.isMisspelt(Schema.fleet)
  }

  private var place: Place { table.place(of: Keys.trustedProxy) }

  /// With the group of those who may connect to the socket, as docs/fleet.md has it.
  private static let creation =
    "sudo useradd --system --no-create-home --shell /usr/sbin/nologin --groups \(RolekeeperGroup.clients) rolekeeper-nginx"

  /// Nil if this machine serves no other hosts, and if an error was reported.
  func read() -> FleetSettings? {
    guard isWritten else { return nil }
    guard table.isWritten(Keys.trustedProxy) else {
      if table.reportsMissing, !table.isMisspelt(Keys.trustedProxy) {
        table.findings.error(
          place, "is missing", "write \(Keys.trustedProxy.name) = \(Keys.trustedProxy.example), or take [fleet] out")
      }
      return nil
    }
    if table.isEmptyText(Keys.trustedProxy) {
      table.findings.error(
        place, "is empty", "write \(Keys.trustedProxy.name) = \(Keys.trustedProxy.example), or take [fleet] out")
      return nil
    }
    guard let proxy = table.principal(Keys.trustedProxy, toCreate: Self.creation) else { return nil }
    if let problem = problem(of: proxy) {
      table.findings.error(
        place, problem,
        "write a user that runs that nginx and nothing else; to create one: \(Self.creation)")
      return nil
    }
    table.context.reach.add(proxy, at: place)
    return FleetSettings(trustedProxy: proxy.id, tier: table.context.host.name)
  }

  private func problem(of proxy: Principal) -> String? {
    if proxy.id == 0 { return "is root, who may read every role anyway" }
    if proxy.id == table.context.host.uid || proxy.name == RolekeeperUnit.user { return "is the daemon's own user" }
    guard let name = proxy.name, Self.sharedUsers.contains(name) else { return nil }
    return "is '\(name)', as which other programs run, too; each of them could have the roles of every host"
  }

  /// Reports a proxy that the settings name elsewhere, and hosts or a proxy without the other.
  func check(_ fleet: FleetSettings?, roles: [RoleSettings], admins: AccessRule, socket: SocketSettings?) {
    if let hostsPlace = table.context.hostsPlace, !isWritten, !table.context.refusedHosts {
      table.findings.warning(
        hostsPlace, "names hosts, and without [fleet] no other host is served",
        "write [fleet] with \(Keys.trustedProxy.name) = \(Keys.trustedProxy.example), or remove hosts")
    }
    guard let fleet else { return }
    if admins.uids.contains(fleet.trustedProxy) { report("access.admin_users") }
    for role in roles {
      if role.readers.uids.contains(fleet.trustedProxy) { report("roles.\(role.name).allow.users") }
      for scope in role.derivation.scopes where scope.readers?.uids.contains(fleet.trustedProxy) == true {
        report("roles.\(role.name).scopes.\(scope.name).allow.users")
      }
    }
    if table.context.check != nil, let most = socket?.maxConnections {
      table.findings.note(
        place, "is set, and max_connections is \(most), so \(most) hosts at most can wait here at the same time",
        "write max_connections in [socket] as the number of hosts that ask this machine while the others are away, plus 100"
      )
    }
    if !roles.isEmpty, table.context.hostsPlace == nil {
      table.findings.note(
        place, "is set, and no role names hosts, so no host gets anything",
        "write hosts = \(Schema.Allow.hosts.example) in the allow of roles")
    }
  }

  private func report(_ key: String) {
    table.findings.error(
      place, "is a user that '\(key)' names, too, and that user's requests count for other hosts only",
      "give nginx a user of its own, or take this one out of '\(key)'")
  }
}
