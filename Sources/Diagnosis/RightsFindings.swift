package import Core
package import Settings

/// What a user may do by the settings and the socket's permissions, as the host knows the user's groups.
package struct RightsFindings {
  private let user: HostUser
  /// The user's groups at a new login.
  private let groups: Set<UInt32>
  /// The groups of the session that is looked at; nil if that isn't known.
  private let present: Set<UInt32>?
  private let host: any Host

  /// `present` are the groups of this process, if it is the user's.
  package init(_ user: HostUser, present: Set<UInt32>?, on host: some Host) {
    self.user = user
    self.host = host
    self.present = present
    groups = host.groups(of: user)
  }

  /// Whether the user may connect to the socket, by its owner, group and mode.
  package func connection(to path: String) -> Finding? {
    guard let status = try? host.status(of: path) else { return nil }
    let subject = "user \(user.name)"
    // connect(2) needs write permission (unix(7)).
    let isOwner = user.uid == 0 || user.uid == status.uid && status.mode & 0o200 != 0
    if isOwner || status.mode & 0o002 != 0 || status.accessList != nil { return nil }
    let group = (try? host.group(gid: status.gid))?.name ?? "\(status.gid)"
    guard status.mode & 0o020 != 0 else {
      return Finding(
        .failed, subject, "may not connect to '\(path)', which only its owner may",
        next: "set mode and group in [socket], or the SocketMode= and SocketGroup= of rolekeeper.socket")
    }
    let good = Finding(.ok, subject, "is in group '\(group)' of the socket")
    if let present, present.contains(status.gid) { return good }
    guard groups.contains(status.gid) else {
      let join =
        group == RolekeeperGroup.clients
        ? "run: sudo usermod -aG \(group) \(ShellWord.quoted(user.name)), which counts from the next login"
        : "ask an administrator, since the members of '\(group)' may have other rights, too"
      return Finding(.failed, subject, "isn't in group '\(group)' of the socket '\(path)'", next: join)
    }
    guard present != nil else { return good }
    return Finding(
      .failed, subject, "is in group '\(group)' of the socket, but this login isn't: it began before",
      next: "log in again, or run: newgrp \(ShellWord.quoted(group))")
  }

  /// Which roles the user may read by the settings.
  package func roles(in settings: DaemonSettings, daemonsUID: UInt32?) -> Finding {
    let peer = Peer(uid: user.uid, gid: user.gid, pid: 0, groups: groups.sorted())
    let policy = AccessPolicy(
      ownUID: daemonsUID ?? 0, admins: settings.admins, proxyUID: settings.fleet?.trustedProxy)
    let readable = settings.roles.filter { policy.mayRead(peer, of: nil, role: $0.readers) }.map(\.name.description)
    return Self.roles(readable, of: user.name, others: settings.roles.count - readable.count)
  }

  /// A role that the user may read at the loopback URI, where only `users` and `groups` of `allow` count; nil for none. Not one with a
  /// session for each user, which would have to be fetched.
  package func loopbackRole(in settings: DaemonSettings) -> RoleName? {
    settings.roles.first { role in
      !role.derivation.isPerUser
        && (role.readers.uids.contains(user.uid) || !role.readers.gids.isDisjoint(with: groups))
    }?.name
  }

  /// `others` is how many more roles there are; nil if that isn't known.
  package static func roles(_ names: [String], of user: String, others: Int?) -> Finding {
    let subject = "user \(user)"
    guard names.isEmpty else {
      let more = others.map { $0 > 0 ? ", and not \($0 == 1 ? "the other role" : "the \($0) other roles")" : "" } ?? ""
      return Finding(.ok, subject, "may read \(names.joined(separator: ", "))\(more)")
    }
    return Finding(
      .warning, subject, "may read no role",
      next: "if that should change, name the user in allow of [roles.NAME], then run: sudo systemctl reload rolekeeper")
  }
}
