import CLinux
import Daemon
import LocalSockets
import Logs
import Settings
import Systemd

/// The daemon's life, from settings to the end.
enum Main {
  /// As many as a busy host needs, without a table of descriptors as large as some hard limits allow.
  private static let mostDescriptors: UInt = 65_536

  /// With a socket that was passed to it, and without `isStrict`, it stays up whatever is wrong with its settings, and answers so.
  static func run(config: String, isStrict: Bool) -> Int32 {
    let log = Log(to: ProcessLogOutput())
    let socket = inheritedSocket(log)
    let read: @Sendable () -> LoadedSettings = {
      SettingsLoader(socketUnit: socket.map { SocketUnit(path: $0.path, mode: $0.access?.mode, gid: $0.access?.gid) })
        .load(config)
    }
    while true {
      let failure: StartFailure
      switch start(read, socket, log) {
      case .ended(let status): return status
      case .failed(let problem): failure = problem
      }
      guard let socket, !isStrict else { return end(failure, log) }
      do {
        let waiting = try UnconfiguredDaemon(
          failure, socket: socket, loop: EventLoop(), log: log, read: read)
        if case .stopped = try waiting.run() { return ExitStatus.done }
      } catch {
        return end(StartFailure(error), log)
      }
    }
  }

  private enum Outcome {
    case ended(Int32)
    case failed(StartFailure)
  }

  /// Runs the daemon to its end, if it can start.
  private static func start(_ read: @Sendable @escaping () -> LoadedSettings, _ socket: InheritedSocket?, _ log: Log)
    -> Outcome
  {
    // Users and groups may come from a directory service that is slow to answer. A start cut off meanwhile would begin again from
    // nothing, and again.
    Notifier().starting(atMost: .seconds(600), status: "reading the settings")
    let loaded = read()
    for finding in loaded.diagnostics {
      let event: LogEvent =
        switch finding.severity {
        case .error: .settingsError
        case .warning: .settingsWarning
        case .note: .settingsNote
        }
      log.write(event, [.reason(finding.sentence)])
    }
    guard let settings = loaded.settings else { return .failed(StartFailure(loaded)) }
    log.level = settings.logLevel
    _ = clinux_raise_descriptor_limit(mostDescriptors)
    do {
      let loop = try EventLoop()
      let daemon = try Daemon(settings, socket: socket, loop: loop, log: log, read: read)
      return .ended(try withExtendedLifetime(daemon) { try daemon.run() })
    } catch {
      return .failed(StartFailure(error))
    }
  }

  /// The socket of `rolekeeper.socket`; nil where that unit isn't in use.
  private static func inheritedSocket(_ log: Log) -> InheritedSocket? {
    var descriptors = InheritedDescriptors.take()
    var socket: InheritedSocket?
    for descriptor in descriptors.take(named: InheritedSocket.unit) {
      do {
        if socket == nil { socket = try InheritedSocket(descriptor) }
      } catch {
        log.write(.inheritedNotUsed, [.reason("\(error)")])
      }
    }
    let others = descriptors.closeRest()
    if !others.isEmpty {
      let names = Set(others).sorted().map { "'\($0)'" }.joined(separator: ", ")
      log.write(
        .inheritedNotUsed,
        [.reason("descriptors named \(names); the daemon's socket is named '\(InheritedSocket.unit)'")])
    }
    return socket
  }

  /// Ends for a reason that a person or time has to put away.
  private static func end(_ failure: StartFailure, _ log: Log) -> Int32 {
    log.processEnds()
    if let reason = failure.reason { log.write(.fatalError, [.reason(reason)]) }
    Notifier().status(failure.lastStatus)
    return failure.canPass ? ExitStatus.failed : ExitStatus.badSettings
  }
}
