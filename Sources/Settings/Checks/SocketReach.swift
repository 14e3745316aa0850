/// Notes the users that may read something, and warns of those who can't even connect.
final class SocketReach {
  private var users: [(user: Principal, place: Place)] = []
  private var seen: Set<UInt32> = []

  /// Only a user's first place is kept.
  func add(_ user: Principal, at place: Place) {
    if seen.insert(user.id).inserted { users.append((user, place)) }
  }

  /// To connect takes the permission to write to the socket (unix(7)).
  func check(_ socket: SocketSettings, context: LoadContext) {
    let host = context.host
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
        cure(socket, group: group, user: user))
    }
  }

  private func isMember(_ user: Principal, of gid: UInt32, _ host: any Host) -> Bool {
    guard let name = user.name, let primary = user.primaryGroup else { return false }
    return host.groups(of: HostUser(name: name, uid: user.id, gid: primary)).contains(gid)
  }

  private func cure(_ socket: SocketSettings, group: String?, user: Principal) -> String {
    guard socket.mode & 0o020 != 0 else { return "write mode = \"0660\" in [socket]" }
    guard let name = user.name else {
      return "write mode = \"0666\" in [socket], or give that number to a user of the group"
    }
    // The daemon's own group also owns its files, so nobody is ever sent there.
    guard socket.gid != nil, let group else {
      return
        "write group = \"rolekeeper-clients\" in [socket] and run: usermod -aG rolekeeper-clients \(SafeFix.quoted(name))"
    }
    let member = "usermod -aG \(SafeFix.quoted(group)) \(SafeFix.quoted(name)), which counts from its next login"
    // A group that may do more than connect isn't for every reader.
    return group == "rolekeeper-clients"
      ? "run: \(member)"
      : "write group = \"rolekeeper-clients\" in [socket] and make it a member of that; or, if all that the group '\(group)' may do is "
        + "meant for it: \(member)"
  }
}
