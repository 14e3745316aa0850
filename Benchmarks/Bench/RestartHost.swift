import SystemBox
import TestSupport

/// A throwaway system whose systemd restarts the daemon, and a bare server in C, while a client asks.
final class RestartHost {
  static let daemonSocket = "/run/rolekeeper/rolekeeper.sock"
  static let bareSocket = "/run/bare-server.sock"

  private let box: Box

  init() throws {
    box = try InstalledHost("restart").box
    let files = try TemporaryDirectory()
    try box.copy(files.write(Self.settings, to: "settings"), to: "/etc/rolekeeper/rolekeeper.toml")
    try box.copy(Programs.load, to: "/usr/local/bin/bench-load")
    try box.copy(Programs.bareServer, to: "/usr/local/bin/bare-server")
    try box.copy(files.write(Self.bareSocketUnit, to: "socket"), to: "/etc/systemd/system/bare-server.socket")
    try box.copy(files.write(Self.bareUnit, to: "service"), to: "/etc/systemd/system/bare-server.service")
    // The bare server sends what the daemon sends.
    try box.ask(
      """
      systemctl daemon-reload
      systemctl start rolekeeper.socket rolekeeper.service
      curl -sS --fail -i --unix-socket \(Self.daemonSocket) http://localhost\(Self.path) >/etc/bare-server.reply
      systemctl start bare-server.socket bare-server.service
      """)
  }

  /// The longest wait in ms of a client that asks again and again on new connections while `unit` is restarted.
  func longestWait(at socket: String, restarting unit: String) throws -> Double {
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
    guard let longest = figure("max"), figure("errors") == 0 else { throw BenchError("the client failed: \(figures)") }
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

  private static let bareSocketUnit = """
    [Socket]
    ListenStream=\(bareSocket)
    Backlog=4096

    """

  private static let bareUnit = """
    [Service]
    ExecStart=/usr/local/bin/bare-server - /etc/bare-server.reply

    """
}
