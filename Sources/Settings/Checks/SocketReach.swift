import Core

/// Collects the users that may read a role, and warns of those who can't connect to the socket.
final class SocketReach {
  private var users: [(user: Principal, place: Place)] = []
  private var seen: Set<UInt32> = []

  /// Keeps a user's first place only. Users whose groups can't be determined are left out.
  func add(_ user: Principal, at place: Place) {
    if user.isLookUpFailed { return }
    if seen.insert(user.id).inserted { users.append((user, place)) }
  }

  /// To connect takes the permission to write to the socket (unix(7)).
  func check(_ socket: SocketSettings, context: LoadContext) {
    let host = context.host
    checkDirectories(of: socket, context: context)
    guard socket.mode & 0o002 == 0 else { return }
    let group = (try? context.principals.find(.group, number: socket.gid ?? host.gid).get())?.name
    for (user, place) in users where user.id != 0 && user.id != host.uid {
      if socket.mode & 0o020 != 0, isMember(user, of: socket.gid ?? host.gid, host) { continue }
      let name = user.name.map { "user '\($0)'" } ?? "user \(user.id)"
      let groupName = group.map { "'\($0)'" } ?? "\(socket.gid ?? host.gid)"
      let mode = socket.mode.octal
      let who = socket.mode & 0o020 != 0 ? "its owner and the group \(groupName)" : "its owner"
      context.findings.warning(
        place, "names \(name), who can't reach the socket: with mode \(mode) only \(who) can",
        remedy(socket, group: group, user: user, host))
    }
  }

  /// To connect takes the permission to search each directory above (path_resolution(7)). A directory that is closed to
  /// its group and to others is open to its owner alone, whatever its access control list grants: the mask limits that
  /// to the group's permissions (acl(5)).
  private func checkDirectories(of socket: SocketSettings, context: LoadContext) {
    let host = context.host
    var directory = PathText.directory(of: socket.path)
    while directory != "/" {
      defer { directory = PathText.directory(of: directory) }
      // A directory that doesn't exist yet, or that can't be looked at, isn't reported.
      guard let status = try? host.status(of: directory), status.kind == .directory, status.mode & 0o011 == 0
      else { continue }
      guard let (user, place) = users.first(where: { ![0, host.uid, status.uid].contains($0.user.id) }) else { return }
      let name = user.name.map { "user '\($0)'" } ?? "user \(user.id)"
      let runtime = StandardPath.runtime
      context.findings.warning(
        place,
        "names \(name), who can't reach the socket: only root and \(context.trust.name(ofUID: status.uid)) may search '\(directory)' (mode \(status.mode.octal))",
        directory == runtime
          ? "run: \(StandardPath.makeRuntime)"
          : "write path = \"\(runtime)/\(PathText.name(of: socket.path))\" in [socket]")
      return
    }
  }

  private func isMember(_ user: Principal, of gid: UInt32, _ host: any Host) -> Bool {
    guard let name = user.name, let primary = user.primaryGroup else { return false }
    return host.groups(of: HostUser(name: name, uid: user.id, gid: primary)).contains(gid)
  }

  /// Everything that has to be done, in one sentence: the mode, the group, and who has to be in it.
  private func remedy(_ socket: SocketSettings, group: String?, user: Principal, _ host: any Host) -> String {
    guard let name = user.name else {
      return "write mode = \"\((socket.mode | 0o066).octal)\" in [socket], or give that number to a user of the group"
    }
    let keepsGroup = socket.gid != nil && group == RolekeeperGroup.clients
    let lines = [
      socket.mode & 0o020 == 0 ? "mode = \"\((socket.mode | 0o060).octal)\"" : nil,
      keepsGroup ? nil : "group = \"\(RolekeeperGroup.clients)\"",
    ].compactMap { $0 }
    let clients = try? host.group(named: RolekeeperGroup.clients)
    let commands = [
      clients == nil ? "sudo groupadd --system \(RolekeeperGroup.clients)" : nil,
      clients.map { isMember(user, of: $0.gid, host) } ?? false
        ? nil : "sudo usermod -aG \(RolekeeperGroup.clients) \(SafeFix.quoted(name))",
    ].compactMap { $0 }
    let settings = lines.isEmpty ? nil : "write \(lines.joined(separator: " and ")) in [socket]"
    let run = commands.isEmpty ? nil : "run: \(commands.joined(separator: " && ")), which counts from its next login"
    return [settings, run].compactMap { $0 }.joined(separator: " and ")
  }
}
