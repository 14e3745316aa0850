import CLinux
import Daemon
import Logs
import Settings
import Systemd

/// The daemon's life, from settings to the end.
enum Main {
  /// As many as a busy host needs, without a table of descriptors as large as some hard limits allow.
  private static let mostDescriptors: UInt = 65_536

  static func run(config: String) -> Int32 {
    let log = Log(to: ProcessLogOutput())
    // Users and groups may come from a directory service that is slow to answer. A start cut off meanwhile would begin again from
    // nothing, and again.
    Notifier().starting(atMost: .seconds(600), status: "reading the settings")
    let loaded = SettingsLoader().load(config)
    if loaded.settings == nil { log.processEnds() }
    for finding in loaded.diagnostics {
      let event: LogEvent =
        switch finding.severity {
        case .error: .settingsError
        case .warning: .settingsWarning
        case .note: .settingsNote
        }
      log.write(event, [.reason(finding.sentence)])
    }
    guard let settings = loaded.settings else {
      if loaded.isFailurePassing {
        Notifier().status("the settings can't be used now, systemd tries again every second; the journal says why")
        return ExitStatus.failed
      }
      Notifier().status("the settings are bad; sudo rolekeeper check says what is wrong")
      return ExitStatus.badSettings
    }
    log.level = settings.logLevel
    _ = clinux_raise_descriptor_limit(mostDescriptors)
    do {
      let loop = try EventLoop()
      let daemon = try Daemon(settings, configPath: config, loop: loop, log: log)
      return try withExtendedLifetime(daemon) { try daemon.run() }
    } catch {
      log.processEnds()
      // A socket in another daemon's hands, say, may be free in a moment: that end is started again after, unlike bad settings.
      let isForPerson = StartCheck.isForPerson(error)
      let reason = isForPerson ? "\(error)" : "\(error); systemd tries again every second"
      log.write(.fatalError, [.reason(reason)])
      Notifier().status("fatal error, exiting: \(reason)")
      return isForPerson ? ExitStatus.badSettings : ExitStatus.failed
    }
  }
}
