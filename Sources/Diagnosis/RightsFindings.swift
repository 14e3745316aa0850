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

  /// What a user may read.
  package struct Readable {
    /// In the order of the settings.
    package var roles: [String] = []
    /// Scopes of other roles, which the user may not read as a whole.
    package var scopes: [(role: String, name: String)] = []

    package init(roles: [String] = [], scopes: [(role: String, name: String)] = []) {
      (self.roles, self.scopes) = (roles, scopes)
    }

    /// How many roles there are of which the user may read something.
    package var roleCount: Int { roles.count + Set(scopes.map(\.role)).count }

    fileprivate var names: [String] { roles + scopes.map { RightsFindings.scope($0.name, of: $0.role) } }
  }

  /// A scope as findings name it.
  static func scope(_ name: String, of role: String) -> String { "\(role) (scope \(name))" }

  /// What the user may read by the settings.
  package func roles(in settings: DaemonSettings, daemonsUID: UInt32?) -> Finding {
    let peer = Peer(uid: user.uid, gid: user.gid, pid: 0, groups: groups.sorted())
    let policy = AccessPolicy(
      ownUID: daemonsUID ?? 0, admins: settings.admins, proxyUID: settings.fleet?.trustedProxy)
    let readable = readable(in: settings) { policy.mayRead(peer, of: nil, role: $0) }
    return Self.roles(readable, of: user.name, others: settings.roles.count - readable.roleCount)
  }

  private func readable(in settings: DaemonSettings, _ admits: (AccessRule) -> Bool) -> Readable {
    var readable = Readable()
    for role in settings.roles {
      if admits(role.readers) {
        readable.roles.append("\(role.name)")
      } else {
        for scope in role.derivation.scopes where scope.readers.map(admits) ?? false {
          readable.scopes.append(("\(role.name)", "\(scope.name)"))
        }
      }
    }
    return readable
  }

  /// What the user may read at the loopback URI, where only `users` and `groups` of `allow` count.
  package func loopback(in settings: DaemonSettings) -> LoopbackRight {
    let admits: (AccessRule) -> Bool = { [uid = user.uid, groups] rule in
      rule.uids.contains(uid) || !rule.gids.isDisjoint(with: groups)
    }
    if user.uid == settings.fleet?.trustedProxy { return .nothing }
    if let role = settings.roles.first(where: { !$0.derivation.isPerUser && admits($0.readers) }) {
      return .role(role.name)
    }
    return readable(in: settings, admits).names.first.map { .untried($0) } ?? .nothing
  }

  /// `others` is how many more roles there are; nil if that isn't known.
  package static func roles(_ readable: Readable, of user: String, others: Int?) -> Finding {
    let subject = "user \(user)"
    let names = readable.names
    guard names.isEmpty else {
      let more = others.map { $0 > 0 ? ", and not \($0 == 1 ? "the other role" : "the \($0) other roles")" : "" } ?? ""
      return Finding(.ok, subject, "may read \(names.joined(separator: ", "))\(more)")
    }
    return Finding(
      .warning, subject, "may read no role",
      next: "if that should change, name the user in allow of [roles.NAME], then run: sudo systemctl reload rolekeeper")
  }
}

/// What a user may read at the loopback URI.
package enum LoopbackRight: Hashable, Sendable {
  /// Its session is there anyhow.
  case role(RoleName)
  /// This alone, as findings name it: a scope, or a role with a session for each user, which would have to be fetched.
  case untried(String)
  case nothing
}
