import Core
import Glibc
import Systemd

extension Finding {
  /// The state of `rolekeeper.service` by the service manager. `isOurs` is whether the installed unit starts the daemon with these
  /// settings.
  package static func service(isOurs: Bool) -> Finding {
    let subject = "service"
    guard access("/run/systemd/system", F_OK) == 0 else {
      return Finding(.skipped, subject, "systemd doesn't run this host")
    }
    guard isOurs else {
      return Finding(.skipped, subject, "no installed \(RolekeeperUnit.service) starts the daemon with these settings")
    }
    do {
      let units = try units()
      return judge(units[RolekeeperUnit.service], socket: units[RolekeeperUnit.socket])
    } catch { return Finding(.skipped, subject, "the service manager can't be asked: \(error)") }
  }

  static func judge(_ service: ManagerConnection.Unit?, socket: ManagerConnection.Unit?) -> Finding {
    let subject = "service"
    let start = "sudo rolekeeper check && sudo systemctl start rolekeeper"
    switch service?.activeState {
    case "active": return Finding(.ok, subject, "\(RolekeeperUnit.service) is active")
    case "failed":
      return Finding(
        .failed, subject, "\(RolekeeperUnit.service) has failed",
        next: "see why: journalctl -xu rolekeeper; then run: \(start)")
    case "inactive", nil:
      guard socket?.activeState != "active" else {
        return Finding(.ok, subject, "isn't started yet; the first request to \(RolekeeperUnit.socket) starts it")
      }
      return Finding(.failed, subject, "\(RolekeeperUnit.service) isn't active", next: "run: \(start)")
    case .some(let state):
      return Finding(
        .warning, subject, "\(RolekeeperUnit.service) is \(state) (\(service?.subState ?? ""))",
        next: "see what it waits for: systemctl status rolekeeper")
    }
  }

  private static func units() throws -> [String: ManagerConnection.Unit] {
    let loop = try EventLoop()
    var result: Result<[ManagerConnection.Unit], ManagerConnection.CallError>?
    var isLost = false
    let manager = try ManagerConnection(loop, jobRemoved: { _, _ in }, lost: { isLost = true })
    try manager.units(named: [RolekeeperUnit.service, RolekeeperUnit.socket]) { result = $0 }
    let end = EventLoop.bootTime() + 5_000_000
    while result == nil, !isLost, EventLoop.bootTime() < end {
      try loop.runOnce(timeout: .microseconds(end - EventLoop.bootTime()))
    }
    guard let result else {
      throw ManagerConnection.CallError(name: "org.freedesktop.DBus.Error.NoReply", text: "no answer within 5s")
    }
    return Dictionary(try result.get().map { ($0.name, $0) }) { first, _ in first }
  }
}
