import CLinux
import Core
import Glibc

/// Explains who may connect to a socket that refused us, and how to get the permission.
///
/// Names are those in /etc/passwd and /etc/group: a program without dynamic libraries can't ask a directory service.
enum ConnectPermission {
  /// The remedy, as a clause, for a `connect` that failed with EACCES.
  static func remedy(for path: String) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else {
      return "a directory on the way to it may not be searched by \(user()); look at: namei -l \(path)"
    }
    if status.st_mode & S_IWGRP != 0, status.st_gid == unmapped, isInUserNamespace() {
      return
        "this user namespace has no number for its group; map or keep the group (podman: --gidmap, --group-add keep-groups), or read the role's file"
    }
    return remedy(mode: status.st_mode, owner: name(ofUser: status.st_uid), group: group(status.st_gid), user: user())
  }

  /// A group as the host knows it.
  struct Group {
    let name: String
    /// Whether this process is in the group.
    let isOurs: Bool
    /// Whether the group's member list has our user, so that a new login is enough.
    let namesUser: Bool
  }

  static func remedy(mode: mode_t, owner: String, group: Group, user: String) -> String {
    // connect(2) on a socket needs write permission (unix(7)).
    guard mode & S_IWGRP != 0 else { return "its mode lets only its owner '\(owner)' connect" }
    if group.isOurs {
      return
        "\(user) is in its group '\(group.name)', so something else forbids it: look at its ACL and at the security modules"
    }
    if group.namesUser {
      return
        "\(user) is a member of its group '\(group.name)', but was not at login: log in again, or run newgrp \(group.name)"
    }
    // The members of any other group may gain more than a connection.
    guard group.name == RolekeeperGroup.clients else {
      return
        "its group is '\(group.name)': ask an administrator whether \(user) may join it, or set the socket's group to '\(RolekeeperGroup.clients)'"
    }
    return
      "its group is '\(RolekeeperGroup.clients)'; run: sudo usermod -aG \(RolekeeperGroup.clients) \(user), which counts from the next login"
  }

  /// What the kernel shows for users and groups that a user namespace doesn't map (user_namespaces(7)).
  private static let unmapped: gid_t = 65_534

  /// Whether the groups of this process have other numbers outside.
  private static func isInUserNamespace() -> Bool {
    let descriptor = open("/proc/self/gid_map", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = read(descriptor, &text, text.count)
    guard count > 0 else { return false }
    let words = text[..<count].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    // Of the first user namespace: all numbers, as they are.
    return words.map { String(decoding: $0, as: UTF8.self) } != ["0", "0", "4294967295"]
  }

  private static func user() -> String { name(ofUser: geteuid()) }

  private static func name(ofUser uid: uid_t) -> String {
    guard let entry = clinux_local_user(uid) else { return "\(uid)" }
    return String(cString: entry.pointee.pw_name)
  }

  private static func group(_ gid: gid_t) -> Group {
    let isOurs = getegid() == gid || ownGroups().contains(gid)
    guard let entry = clinux_local_group(gid) else { return Group(name: "\(gid)", isOurs: isOurs, namesUser: false) }
    let user = user()
    var namesUser = false
    var member = entry.pointee.gr_mem
    while let name = member?.pointee {
      if String(cString: name) == user { namesUser = true }
      member = member?.advanced(by: 1)
    }
    return Group(name: String(cString: entry.pointee.gr_name), isOurs: isOurs, namesUser: namesUser)
  }

  private static func ownGroups() -> [gid_t] {
    let count = getgroups(0, nil)
    guard count > 0 else { return [] }
    var groups = [gid_t](repeating: 0, count: Int(count))
    let filled = getgroups(count, &groups)
    return Array(groups.prefix(Int(max(0, filled))))
  }
}
