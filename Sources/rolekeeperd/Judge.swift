import Glibc
import Settings

/// As whom the settings are judged: as the daemon's user where we are root, since for root every file counts as readable and
/// every owner as right.
struct Judge {
  /// Whether we came as root, and can become root again for what only systemd reads.
  let isRoot: Bool
  /// The first line of the report.
  let introduction: String
  /// As whom the daemon will run; nil where there is neither a unit nor the usual user.
  let daemonsUser: HostUser?
  /// Whether this process sees what the daemon will see; also where nobody knows who that is.
  let isDaemonsUser: Bool
  private let uid: uid_t

  /// `user` is whom to judge as; nil for the unit's user, or for `rolekeeper` where there is no unit but such a user.
  init(user: String?, unit: InstalledUnit?) throws {
    isRoot = geteuid() == 0
    let name = user ?? (unit.map { $0.user ?? "root" }) ?? "rolekeeper"
    let entry = getpwnam(name)
    daemonsUser = entry.map { HostUser(name: name, uid: $0.pointee.pw_uid, gid: $0.pointee.pw_gid) }
    guard isRoot else {
      if let user { throw JudgeError("'--user \(user)': only root can judge as another user") }
      uid = geteuid()
      isDaemonsUser = daemonsUser.map { $0.uid == geteuid() } ?? true
      introduction =
        "checked as user \(Self.name(of: geteuid())); 'sudo rolekeeper check' judges as the daemon's user and looks at more"
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
    let gid = entry.pointee.pw_gid
    guard initgroups(name, gid) == 0, setegid(gid) == 0, seteuid(uid) == 0 else {
      throw JudgeError("can't become user '\(name)': \(String(cString: strerror(errno)))")
    }
    let why = user == nil ? unit.map { ", as which \($0.path) runs the daemon" } ?? "" : ""
    introduction = "checked as user '\(name)'\(why)"
  }

  /// Runs `body` as root again.
  func asRoot<Result>(_ body: () -> Result) -> Result {
    seteuid(0)
    defer { seteuid(uid) }
    return body()
  }

  private static func name(of uid: uid_t) -> String {
    getpwuid(uid).map { "'\(String(cString: $0.pointee.pw_name))'" } ?? "\(uid)"
  }
}

/// Why nothing could be judged.
struct JudgeError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
