/// A socket that the service manager makes for the daemon. It counts instead of what `[socket]` says of path, mode and group, or
/// `[credentials]` of the path.
package struct SocketUnit: Hashable, Sendable {
  package static let name = "rolekeeper.socket"
  /// Of the socket from which it loads other units' credentials.
  package static let credentialsName = "rolekeeper-credentials.socket"

  package let path: String
  /// Of its file; nil where that isn't known.
  let mode: UInt32?
  let gid: UInt32?

  /// A socket that was passed to this process.
  package init(path: String, mode: UInt32?, gid: UInt32?) {
    self.path = path
    self.mode = mode
    self.gid = gid
  }

  /// As the unit is installed and enabled (systemd.socket(5)); nil when it isn't, or listens nowhere that is a path.
  package init?(enabledOn host: some Host, named name: String = Self.name) {
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
