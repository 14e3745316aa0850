import CLinux
import Diagnosis
import Glibc
import Settings

/// The user as which the settings are checked: the daemon's user if this process is root, since for root every
/// permission check succeeds.
struct Judge {
  /// Whether the process was started as root, and can become root again to read what only systemd reads.
  let isRoot: Bool
  /// The first line of the report.
  let introduction: String
  /// The user that will run the daemon; nil if there is neither a unit nor the default user.
  let daemonsUser: HostUser?
  /// Whether this process sees what the daemon will see; also true if the daemon's user isn't known.
  let isDaemonsUser: Bool
  private let uid: uid_t
  private var gid = getegid()

  /// `user` is the user to check as; nil for the unit's user, or for `rolekeeper` if there is no unit but this user
  /// exists.
  ///
  /// `command` is what `sudo rolekeeper` does better.
  init(user: String?, unit: InstalledUnit?, command: String) throws {
    isRoot = geteuid() == 0
    let name = user ?? (unit.map { $0.user ?? "root" }) ?? "rolekeeper"
    let entry = getpwnam(name)
    daemonsUser = entry.map { HostUser(name: name, uid: $0.pointee.pw_uid, gid: $0.pointee.pw_gid) }
    guard isRoot else {
      if let user { throw JudgeError("'--user \(user)': only root can judge as another user") }
      uid = geteuid()
      isDaemonsUser = daemonsUser.map { $0.uid == geteuid() } ?? true
      introduction =
        "checked as user \(Self.name(of: geteuid())); 'sudo rolekeeper \(command)' judges as the daemon's user and looks at more"
      return
    }
    isDaemonsUser = true
    guard let entry else {
      if let user { throw JudgeError("'--user \(user)': there is no such user") }
      if let unit {
        throw JudgeError("\(unit.path) has User=\(name), and there is no such user; run: sudo systemd-sysusers")
      }
      uid = 0
      introduction = "checked as root, since there is no user 'rolekeeper'"
      return
    }
    uid = entry.pointee.pw_uid
    gid = entry.pointee.pw_gid
    guard initgroups(name, gid) == 0, setegid(gid) == 0, seteuid(uid) == 0 else {
      throw JudgeError("can't become user '\(name)': \(String(cString: strerror(errno)))")
    }
    // The kernel resets it when a user id changes (PR_SET_DUMPABLE(2const)).
    clinux_forbid_dumps()
    let why = user == nil ? unit.map { ", as which \($0.path) runs the daemon" } ?? "" : ""
    introduction = "checked as user '\(name)'\(why)"
  }

  /// Runs `body` as root again; as who runs this program if that isn't root. Not after `giveRootUp`.
  func asRoot<Result>(_ body: () -> Result) -> Result {
    guard isRoot else { return body() }
    become(0)
    defer { become(uid) }
    return body()
  }

  /// Going on as a user that nobody expects would be worse than to end here.
  private func become(_ user: uid_t) {
    guard seteuid(user) == 0, geteuid() == user else {
      Console.report(
        "\(Console.program): can't become user \(Self.name(of: user)): \(String(cString: strerror(errno)))")
      exit(ExitStatus.failed)
    }
    clinux_forbid_dumps()
  }

  /// Gives root up for good: from now on, nothing that this process does can need or use it.
  func giveRootUp() throws {
    guard isRoot, uid != 0 else { return }
    // As root, both set the saved id as well (setgid(2), setuid(2)).
    guard seteuid(0) == 0, setgid(gid) == 0, setuid(uid) == 0, getuid() == uid, geteuid() == uid else {
      throw JudgeError("can't give root up: \(String(cString: strerror(errno)))")
    }
    clinux_forbid_dumps()
  }

  /// That STS is asked as root, where there is no user whom the daemon would run as; nil for any other run.
  var rootFinding: Finding? {
    guard isRoot, daemonsUser == nil else { return nil }
    return Finding(
      .skipped, "user",
      "STS is asked as root, since there is no user 'rolekeeper' yet: what the daemon's user may read and reach isn't known",
      next: "once rolekeeper is installed, run this again")
  }

  private static func name(of uid: uid_t) -> String {
    getpwuid(uid).map { "'\(String(cString: $0.pointee.pw_name))'" } ?? "\(uid)"
  }
}

/// Why nothing could be checked.
struct JudgeError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
