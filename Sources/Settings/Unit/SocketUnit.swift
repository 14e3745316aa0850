import Core

/// A socket that the service manager creates for the daemon. It overrides path, mode and group of `[socket]`, or the
/// path of `[credentials]`.
package struct SocketUnit: Hashable, Sendable {
  package let path: String
  /// The mode of the socket's file; nil if it isn't known.
  let mode: UInt32?
  let gid: UInt32?

  /// A socket that was passed to this process.
  package init(path: String, mode: UInt32?, gid: UInt32?) {
    self.path = path
    self.mode = mode
    self.gid = gid
  }

  /// The socket as its unit is installed and enabled (systemd.socket(5)); nil if it isn't, or if it doesn't listen at a
  /// path.
  package init?(enabledOn host: some Host, named name: String = RolekeeperUnit.socket) {
    let files = UnitFiles(host: host)
    guard files.isWanted(name, by: "sockets.target"), let unit = files.unit(name, section: "Socket")?.text,
      let path = unit.values("ListenStream").first(where: { $0.hasPrefix("/") })
    else { return nil }
    let group = unit.value("SocketGroup")
    self.init(
      path: path, mode: UInt32(unit.value("SocketMode") ?? "0666", radix: 8),
      gid: group.map { name in UInt32(name) ?? (try? host.group(named: name))?.gid } ?? 0)
  }
}
