import EventLoop
import Glibc
import HTTPClient
import HTTPServer
package import Settings

/// Tries what a start needs beside sound settings and AccessKeys, and leaves nothing behind.
package enum StartCheck {
  /// A sentence for each thing that would end the daemon as it starts.
  package static func problems(_ settings: DaemonSettings) -> [String] {
    [proxyAndAuthorities(settings.sts), socket(settings.socket.path)].compactMap { $0 }
  }

  /// Whether a start that ended by `error` would end the same way until a person has changed something.
  package static func isForPerson(_ error: any Error) -> Bool {
    if case HTTPClientError.caFile = error { return true }
    return error is CredentialMissing
  }

  /// The password's file, and the certificates of `ca_file` or of the system, read as the daemon reads them.
  private static func proxyAndAuthorities(_ sts: STSSettings) -> String? {
    do {
      let password = try sts.proxy?.passwordFile.map { try ProxyPassword.read($0) }
      let client = try HTTPClient(EventLoop(), settings: HTTPClient.Settings(sts), proxyPassword: password)
      try client.prime()
      return nil
    } catch {
      return "\(error)"
    }
  }

  private static func socket(_ path: String) -> String? {
    if let obstacle = UnixListener.obstacle(at: path) { return "\(obstacle)" }
    let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var status = stat()
    guard stat(directory, &status) == 0 else {
      // systemd makes a unit's RuntimeDirectory= there as the unit starts, and removes it as the unit stops.
      if errno == ENOENT, directory.hasPrefix("/run/") { return nil }
      return
        "socket '\(path)': its directory can't be seen: \(String(cString: strerror(errno))); make '\(directory)', or choose another path"
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return "socket '\(path)': '\(directory)' isn't a directory; move it, or choose another path"
    }
    guard isDaemonsUser, access(directory, W_OK | X_OK) != 0 else { return nil }
    return
      "socket '\(path)': no socket can be made in '\(directory)': \(String(cString: strerror(errno))); choose a path in a directory of the daemon's user"
  }

  /// Whether permissions are judged for the user that the unit runs the daemon as; others can't find out what that one may do.
  private static var isDaemonsUser: Bool {
    guard let entry = getpwnam("rolekeeper") else { return true }
    return entry.pointee.pw_uid == geteuid()
  }
}
