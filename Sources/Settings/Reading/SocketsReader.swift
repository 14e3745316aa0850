import Core

/// Reads `[socket]` and `[credentials]`, and checks them against the units that create these sockets.
struct SocketsReader {
  let context: LoadContext
  /// The unit of the API's socket; nil if the daemon creates that socket.
  let socketUnit: SocketUnit?
  /// The unit of the socket for other units' credentials; nil if the daemon creates that socket.
  let credentialsUnit: SocketUnit?

  /// Nil if an error was reported.
  func socket(_ main: TableReader) -> SocketSettings? {
    let table = main.table(Schema.socket, Schema.Socket.table)
    guard let written = SocketSettings(table) else { return nil }
    let socket = heldSocket(written, table) ?? written
    check(socket, table)
    return socket
  }

  /// The socket's settings if the service manager creates the socket; nil if the daemon does. Warns once about keys
  /// that have no effect then.
  private func heldSocket(_ written: SocketSettings, _ table: TableReader) -> SocketSettings? {
    guard let socketUnit else { return nil }
    let held = SocketSettings(
      path: socketUnit.path, mode: socketUnit.mode ?? written.mode, gid: socketUnit.gid ?? written.gid,
      maxConnections: written.maxConnections, maxConnectionsPerUID: written.maxConnectionsPerUID)
    let unused: [(key: any SettingKey, isOther: Bool)] = [
      (Schema.Socket.path, held.path != written.path), (Schema.Socket.mode, held.mode != written.mode),
      (Schema.Socket.group, held.gid != written.gid),
    ]
    let names = unused.filter { $0.isOther && table.isWritten($0.key) }
    if let first = names.first {
      let others = names.dropFirst().map { ", nor is '\($0.key.name)'" }.joined()
      context.findings.warning(
        table.place(of: first.key), "isn't used\(others): \(RolekeeperUnit.socket) makes the socket '\(held.path)'",
        "take the \(names.count == 1 ? "line" : "lines") out, or change the socket there: sudo systemctl edit \(RolekeeperUnit.socket)"
      )
    }
    return held
  }

  /// Nil if there is to be no such socket, and if an error was reported.
  func credentials(_ main: TableReader, besides socket: SocketSettings?) -> CredentialsSettings? {
    let table = main.table(Schema.credentials, Schema.Credentials.table)
    let written = CredentialsSettings(table)
    let place = table.place(of: Schema.Credentials.path)
    if let unit = credentialsUnit {
      if let written, written.path != unit.path, table.isWritten(Schema.Credentials.path) {
        context.findings.warning(
          place, "isn't used: \(RolekeeperUnit.credentialsSocket) makes the socket '\(unit.path)'",
          "take the line out, or change the socket there: sudo systemctl edit \(RolekeeperUnit.credentialsSocket)")
      }
      return written.map { CredentialsSettings(path: unit.path, wait: $0.wait) }
    }
    guard main.isWritten(Schema.credentials), let written else { return nil }
    if written.path == socket?.path {
      context.findings.error(place, "is '\(written.path)', where [socket] is", Schema.Credentials.path.remedy())
      return nil
    }
    let isSound = WritablePlace(context: context, place: place)
      .check(socket: written.path, isWritten: table.isWritten(Schema.Credentials.path))
    if isSound { context.findings.add(context.check?.trials.socket(written.path), at: place) }
    return written
  }

  private func check(_ socket: SocketSettings, _ table: TableReader) {
    let place = table.place(of: Schema.Socket.path)
    if socketUnit != nil { return checkReload(socket.path, at: place) }
    let isSound = WritablePlace(context: context, place: place)
      .check(socket: socket.path, isWritten: table.isWritten(Schema.Socket.path))
    // A path that is too long was reported.
    guard isSound, socket.path.utf8.count <= SocketSettings.maxPathBytes else { return }
    context.findings.add(context.check?.trials.socket(socket.path), at: place)
    checkReload(socket.path, at: place)
  }

  /// Checks that `systemctl reload`, which runs `rolekeeper`, will find the daemon's socket.
  private func checkReload(_ path: String, at place: Place) {
    guard let check = context.check, let unit = check.unit else { return }
    let named: String
    var isOption = false
    switch unit.reloadSocket {
    case .unknown: return
    case .environment(let path): named = path
    case .option(let path):
      named = path
      isOption = true
    }
    guard PathText.normal(named) != path else { return }
    let line = UnitVariable.line("ROLEKEEPER_SOCKET", path)
    let remedy =
      if isOption {
        "correct --socket in the unit's ExecReload=, which 'systemctl cat rolekeeper' shows"
      } else if check.trials.isListenedOn(path) {
        "run: \(SafeFix.edit), with the lines [Service] and \(line)"
      } else {
        // Added before the reload that moves the socket, the new path would keep that reload from finding the daemon.
        "run: \(SafeFix.dropIn(line))"
      }
    context.findings.warning(
      place, "is '\(path)', and 'systemctl reload rolekeeper' looks for the daemon at '\(named)'",
      "\(remedy); whoever runs rolekeeper names the socket by --socket or ROLEKEEPER_SOCKET")
  }
}
