import SystemBox
import TestSupport

/// A throwaway system whose systemd restarts the daemon, and a bare server in C, while a client asks.
final class RestartHost {
  static let daemonSocket = "/run/rolekeeper/rolekeeper.sock"

  private let box: Box

  init() throws {
    box = try InstalledHost("restart").box
    let files = try TemporaryDirectory()
    try box.copy(files.write(Self.settings, to: "settings"), to: "/etc/rolekeeper/rolekeeper.toml")
    try box.copy(Programs.load, to: "/usr/local/bin/bench-load")
    try box.copy(Programs.bareServer, to: "/usr/local/bin/bare-server")
    // The bare server sends what the daemon sends, and is confined as the daemon is, or not at all: to make the namespaces takes systemd longer
    // than all else.
    try box.ask(
      """
      mkdir -p /etc/systemd/system
      cd /etc/systemd/system
      shipped=$(systemctl show --property=FragmentPath --value rolekeeper.service)
      for kind in confined bare; do
        printf '[Socket]\\nListenStream=/run/%s.sock\\nBacklog=4096\\n' $kind >$kind.socket
        printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=/usr/local/bin/bare-server - /etc/reply\\n' >$kind.service
      done
      sed --quiet '/^User=/,/^SystemCallErrorNumber=/p' "$shipped" >>confined.service
      grep --quiet '^SystemCallErrorNumber=' confined.service
      echo 'ExecStopPost=/bin/true' >>confined.service
      systemctl daemon-reload
      systemctl start rolekeeper.socket rolekeeper.service
      curl -sS --fail -i --unix-socket \(Self.daemonSocket) http://localhost\(Self.path) >/etc/reply
      systemctl start confined.socket confined.service bare.socket bare.service
      """)
  }

  /// The longest wait in ms of a client that asks again and again on new connections while `unit` is restarted. A bare server ends with a
  /// request unanswered; the daemon must not.
  func longestWait(at socket: String, restarting unit: String, mayFail: Bool) throws -> Double {
    let figures = try box.ask(
      """
      bench-load --socket \(socket) --get \(Self.path) --new --connections 1 --seconds 600 >/run/load &
      sleep 0.2
      systemctl restart \(unit)
      sleep 0.3
      kill -TERM $!
      wait $!
      cat /run/load
      """)
    let lines = figures.split(separator: "\n").map { $0.split(separator: " ") }
    func figure(_ name: Substring) -> Double? {
      lines.first { $0.count == 2 && $0[0] == name }.flatMap { Double($0[1]) }
    }
    guard let longest = figure("max"), mayFail || figure("errors") == 0 else {
      throw BenchError("the client failed: \(figures)")
    }
    return longest / 1000
  }

  private static let path = "/v1/roles/role-0/credentials"

  private static let settings =
    """
    [source.main]
    type = "access-key"
    credential = "access-key"

    [sts]
    endpoint = "\(InstalledHost.stsName)"
    ca_file = "/run/sts-emulator/ca.pem"
    requests_per_second = 50

    """
    + (0..<10).map {
      """
      [roles.role-\($0)]
      role_arn = "acs:ram::1234567890123456:role/uploader"
      allow = { users = ["root"] }

      """
    }.joined()
}
