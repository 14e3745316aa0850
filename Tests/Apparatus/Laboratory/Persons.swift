import TestSupport

/// Users that exist by number alone, for whom setpriv(1) runs a program.
package enum Person {
  /// Named by a role's `allow.users`.
  package static let reader: UInt32 = 61_001
  /// Named by nobody.
  package static let stranger: UInt32 = 61_002
  /// Named by `access.admin_users`.
  package static let admin: UInt32 = 61_003
  /// A group named by a role's `allow.groups`, and the one that may connect.
  package static let media: UInt32 = 61_500
  package static let clients: UInt32 = 61_600

  /// Words before a program's own that run it as this user, in these groups alone.
  package static func words(_ uid: UInt32, groups: [UInt32] = [clients]) -> [String] {
    let list = groups.isEmpty ? "--clear-groups" : "--groups=\(groups.map(String.init).joined(separator: ","))"
    return ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(uid)", list]
  }

  /// The same for a program that lies where only root may look, such as below /root.
  package static func wordsSeeingAll(_ uid: UInt32) -> [String] {
    words(uid, groups: []) + ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
  }
}

extension Lab {
  /// What curl(1) gets from the socket as this user: the status and the body.
  package func ask(
    _ target: String, method: String = "GET", as uid: UInt32, groups: [UInt32] = [Person.clients]
  ) throws -> (status: Int, body: String) {
    let run = try ChildProcess.run(
      Person.words(uid, groups: groups) + [
        "/usr/bin/curl", "--silent", "--unix-socket", draft.socketPath, "--request", method, "--write-out",
        "%{http_code}", "http://localhost\(target)",
      ])
    return (Int(run.output.suffix(3)) ?? 0, String(run.output.dropLast(3)))
  }
}
