import CLinux
import Daemon
import LocalSockets
import Logs
import Settings
import Systemd

/// Runs the daemon, from the settings to the exit.
enum Main {
  /// Enough for a busy host; some hard limits would make the table of descriptors much larger.
  private static let mostDescriptors: UInt = 65_536

  /// How settings are read.
  private struct Reading {
    private let path: String
    private let units: (socket: SocketUnit?, credentials: SocketUnit?)
    /// Whether bad settings end the daemon in any case.
    let isStrict: Bool

    init(_ path: String, sockets: InheritedSockets, isStrict: Bool) {
      self.path = path
      units = (sockets.api.map { SocketUnit($0) }, sockets.credentials.map { SocketUnit($0) })
      self.isStrict = isStrict
    }

    var read: @Sendable () -> LoadedSettings { { [path, units] in Self.loader(units).load(path) } }

    /// The settings to start with, or what is wrong with those of the files. `last` is what was last in force.
    ///
    /// Sessions that were handed over need no call of STS, so a CA file that can't be used doesn't prevent their use. If the settings
    /// last in force name another one that can be used, they are used instead.
    func settings(after last: SettingsContent?) -> (start: StartSettings?, loaded: LoadedSettings) {
      let (start, loaded) = settings(after: last, Self.loader(units))
      guard start == nil, last != nil else { return (start, loaded) }
      let (lacking, loadedSo) = settings(after: last, Self.loader(units, mayLackAuthorities: true))
      return lacking == nil ? (nil, loaded) : (lacking, loadedSo)
    }

    private func settings(after last: SettingsContent?, _ loader: SettingsLoader) -> (StartSettings?, LoadedSettings) {
      let loaded = loader.load(path)
      return (StartSettings(loaded, after: last, readingLast: { loader.load(path, from: $0) }), loaded)
    }

    private static func loader(
      _ units: (socket: SocketUnit?, credentials: SocketUnit?), mayLackAuthorities: Bool = false
    ) -> SettingsLoader {
      SettingsLoader(
        socketUnit: units.socket, credentialsUnit: units.credentials, mayLackAuthorities: mayLackAuthorities)
    }
  }

  /// With a socket that was passed to it, and without `isStrict`, the daemon stays up with bad settings and reports
  /// them in its answers. If an earlier process handed over its settings, it uses those.
  static func run(config: String, isStrict: Bool) -> Int32 {
    let log = Log(to: ProcessLogOutput())
    var passed = PassedDescriptors.take(log)
    let sockets = passed.sockets
    let reading = Reading(config, sockets: sockets, isStrict: isStrict)
    var isActive = false
    while true {
      let failure: StartFailure
      switch start(reading, &passed, isActive: isActive, log) {
      case .ended(let status): return status
      case .failed(let problem): failure = problem
      }
      guard !sockets.isEmpty, !isStrict else { return end(failure, log) }
      do {
        let waiting = try UnconfiguredDaemon(
          failure, sockets: sockets, loop: EventLoop(), log: log, read: reading.read)
        isActive = true
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

  /// Runs the daemon to its end, if it can start. What an earlier process left is let go of as soon as the daemon has it.
  private static func start(
    _ reading: Reading, _ passed: inout PassedDescriptors, isActive: Bool, _ log: Log
  ) -> Outcome {
    // Users and groups may come from a directory service that is slow to answer. A start cut off meanwhile would begin again from
    // nothing, and again.
    Notifier().starting(atMost: .seconds(600), status: "reading the settings")
    do {
      let daemon: Daemon
      switch settings(reading, after: passed, log) {
      case .failure(let error): return .failed(error.failure)
      case .success(let settings):
        daemon = try Daemon(
          settings, sockets: passed.sockets, inheriting: passed.inheritance, isActive: isActive,
          loop: try EventLoop(), log: log, read: reading.read)
      }
      passed.inheritance = nil
      return .ended(try withExtendedLifetime(daemon) { try daemon.run() })
    } catch {
      return .failed(StartFailure(error))
    }
  }

  private struct NoSettings: Error { let failure: StartFailure }

  private static func settings(_ reading: Reading, after passed: borrowing PassedDescriptors, _ log: Log)
    -> Result<StartSettings, NoSettings>
  {
    let last = reading.isStrict ? nil : passed.inheritance?.settings
    let (start, loaded) = reading.settings(after: last)
    if loaded.settings == nil, last == nil, passed.sockets.isEmpty || reading.isStrict { log.processEnds() }
    for finding in loaded.diagnostics {
      let event: LogEvent =
        switch finding.severity {
        case .error: .settingsError
        case .warning: .settingsWarning
        case .note: .settingsNote
        }
      log.write(event, [.reason(finding.sentence)])
    }
    guard let start else { return .failure(NoSettings(failure: StartFailure(loaded))) }
    if let first = start.refusals.first {
      log.write(.settingsLastInForce, [.reason(first), .count(start.refusals.count)])
    }
    for warning in start.warnings { log.write(.settingsWarning, [.reason(warning.sentence)]) }
    log.level = start.settings.logLevel
    _ = clinux_raise_descriptor_limit(mostDescriptors)
    return .success(start)
  }

  /// Ends with an error that a person has to fix, or that may end by itself.
  private static func end(_ failure: StartFailure, _ log: Log) -> Int32 {
    log.processEnds()
    if let reason = failure.reason { log.write(.fatalError, [.reason(reason)]) }
    Notifier().status(failure.lastStatus)
    return failure.canPass ? ExitStatus.failed : ExitStatus.badSettings
  }
}

extension SocketUnit {
  fileprivate init(_ socket: InheritedSocket) {
    self.init(path: socket.path, mode: socket.access?.mode, gid: socket.access?.gid)
  }
}
