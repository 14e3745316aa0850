import CLinux
import Glibc
import Settings

/// Acts as another user for a while, with the groups of a new login, in a process that root started.
enum Impersonation {
  /// Runs `body` as `user`, and then goes on as before; throws if that isn't possible. A process that goes on with more rights than
  /// before, or others, would be no diagnosis: it ends.
  static func run<Result>(as user: HostUser, _ body: () throws -> Result) throws -> Result {
    guard getuid() == 0 else { return try body() }
    let before = (uid: geteuid(), gid: getegid(), groups: groups())
    guard seteuid(0) == 0, initgroups(user.name, user.gid) == 0, setegid(user.gid) == 0, seteuid(user.uid) == 0 else {
      throw JudgeError("can't become user '\(user.name)': \(String(cString: strerror(errno)))")
    }
    // The kernel allows them again when a user id changes (PR_SET_DUMPABLE(2const)).
    clinux_forbid_dumps()
    defer {
      guard seteuid(0) == 0, setgroups(before.groups.count, before.groups) == 0, setegid(before.gid) == 0,
        seteuid(before.uid) == 0
      else {
        Console.report("\(Console.program): can't stop being user '\(user.name)': \(String(cString: strerror(errno)))")
        exit(ExitStatus.failed)
      }
      clinux_forbid_dumps()
    }
    return try body()
  }

  /// The supplementary groups of this process.
  static func groups() -> [gid_t] {
    let count = max(0, getgroups(0, nil))
    var groups = [gid_t](repeating: 0, count: Int(count))
    // The call is a statement of its own: in an argument of `groups.prefix` it would fill another copy.
    let filled = max(0, getgroups(count, &groups))
    return Array(groups.prefix(Int(filled)))
  }
}
