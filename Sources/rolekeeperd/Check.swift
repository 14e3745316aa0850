import Daemon
import Glibc
import Settings

/// `--check`: everything that is wrong with the settings, in one run.
enum Check {
  static func run(config: String, user: String?) -> Int32 {
    if let failure = become(user) {
      Console.complain("rolekeeperd: \(failure)")
      return ExitStatus.failed
    }
    let loaded = SettingsLoader().load(config)
    for finding in loaded.diagnostics { Console.complain(finding.description) }
    guard let settings = loaded.settings else { return ExitStatus.badSettings }
    var isUsable = true
    for source in settings.sources {
      // The loader has said that it can't be checked outside of the unit.
      if case .credential(_, nil) = source.accessKey { continue }
      do {
        _ = try AccessKeySource.read(AccessKeySource.Location(source))
      } catch {
        Console.complain("source '\(source.name)': \(error)")
        isUsable = false
      }
    }
    if let file = settings.sts.proxy?.passwordFile {
      do { _ = try ProxyPassword.read(file) } catch {
        Console.complain("\(error)")
        isUsable = false
      }
    }
    guard isUsable else { return ExitStatus.badSettings }
    let roles = settings.roles.count == 1 ? "1 role" : "\(settings.roles.count) roles"
    let remarks = loaded.diagnostics.isEmpty ? "nothing wrong" : "no errors, but see above"
    print("\(config): \(roles), \(remarks)")
    return ExitStatus.done
  }

  /// Judges as the daemon will: as root, files count as readable and owners as right that aren't for its user.
  ///
  /// `user` is whom to judge as, nil for `rolekeeper` where we are root and there is such a user.
  private static func become(_ user: String?) -> String? {
    guard geteuid() == 0, let entry = getpwnam(user ?? "rolekeeper") else {
      return user.map { "'--user \($0)': there is no such user, or you aren't root" }
    }
    let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
    guard initgroups(user ?? "rolekeeper", gid) == 0, setgid(gid) == 0, setuid(uid) == 0 else {
      return "cannot become user \(uid): \(String(cString: strerror(errno)))"
    }
    Console.complain("checked as user '\(user ?? "rolekeeper")', as which the unit runs the daemon")
    return nil
  }
}
