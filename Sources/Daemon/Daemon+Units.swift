import Core
import CredentialServer
import HTTPServer
import LocalSockets
import Settings
import SocketAPI

/// The socket for other units' credentials.
extension Daemon {
  /// How many units may be asking at a time; those that come then wait in the socket's queue.
  static let mostUnits = 256
  /// Whatever the socket's directory allows, nobody but root and the daemon's user connects.
  private static let mode: UInt32 = 0o600

  /// Puts what serves it in place, and listens where the settings, or an inherited socket, have one.
  func serveUnits(_ settings: CredentialsSettings?) throws {
    let refusals = try UnitRefusalLog(scheduler: loop, log: log)
    units = try UnitService(
      scheduler: loop, refresher: refresher, wait: settings?.wait ?? .zero, refusals: refusals, log: log)
    unitServer = try UnitServer(scheduler: loop, responder: units, refusals: refusals, most: Self.mostUnits)
    unitServer.roomMade = { [unowned self] in unitListener?.resume() }
    unitListener = try settings.map { try listen($0) }
  }

  private func listen(_ settings: CredentialsSettings) throws -> UnitListener {
    let listener = try sockets.credentials?.listener() ?? UnixListener(path: settings.path, mode: Self.mode)
    return try UnitListener(loop, listener, server: unitServer)
  }

  /// Listens as a reload wants it; the result puts that in force.
  func prepareCredentials(_ new: CredentialsSettings?) throws -> () -> Void {
    let stays = unitListener != nil && new?.path == settings.credentials?.path
    let listener = stays ? nil : try new.map { try listen($0) }
    return { [unowned self] in
      if let wait = new?.wait { units.wait = wait }
      if stays { return }
      unitListener?.stop()
      unitListener = listener
    }
  }

  /// The socket's file is taken away, and whoever waits is answered.
  func stopServingUnits() {
    unitListener?.stop()
    unitListener = nil
    units.endWaiting()
  }

  /// They listen again where somebody has deleted a socket's file.
  func makeSocketWatches() throws -> [SocketWatch] {
    let api = try SocketWatch(
      scheduler: loop, log: log, listener: { [unowned self] in server.listener as? UnixListener }
    ) {
      [unowned self] in
      let socket = settings.socket
      try server.listen(by: UnixListener(path: socket.path, mode: socket.mode, gid: socket.gid))
    }
    let credentials = try SocketWatch(scheduler: loop, log: log, listener: { [unowned self] in unitListener?.listener })
    { [unowned self] in
      guard let settings = settings.credentials else { return }
      let listener = try listen(settings)
      unitListener?.stop()
      unitListener = listener
    }
    return [api, credentials]
  }
}
