import Daemon
import Logs
import RuntimeState

/// `--stopped UNIT`, which the unit's ExecStopPost= runs each time the daemon has ended: after a real stop it removes
/// files that a restart, a crash and bad settings leave.
enum Stopped {
  static func run(unit: String) -> Int32 {
    let log = Log(to: ProcessLogOutput())
    log.processEnds()
    guard let directory = UnitRuntimeDirectory.path else {
      Console.report("rolekeeperd: '--stopped' is for the unit's ExecStopPost=, and RUNTIME_DIRECTORY isn't set")
      return ExitStatus.wrongUsage
    }
    return StopCleanup(unit: unit, directory: directory, log: log).run()
      ? ExitStatus.done : ExitStatus.failed
  }
}
