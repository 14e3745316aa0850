import Core
import Logs
import Systemd
import Wire

/// Each result in the journal, once for each role that it is for.
extension UnitRefresher {
  func logEnd(_ work: UnitWork, of name: UnitName, _ result: UnitResult, timeout: Duration) {
    let event: LogEvent
    var more: [LogField] = []
    switch result {
    case .done: event = .unitRefreshed
    case .inactive, .unitFailed, .stopping: event = .unitNotRunning
    case .masked, .notFound: event = .unitNotThere
    case .timeout:
      event = .unitJobTooLong
      more = [.seconds(timeout), .advice("see systemctl list-jobs and systemctl status \(name)")]
    case .jobFailed, .notAllowed, .unreachable: return
    }
    write(event, work, name, result, more)
  }

  func logRetry(_ work: UnitWork, of name: UnitName, _ result: UnitResult, _ reason: String, next: Duration) {
    guard result == .notAllowed else {
      return write(.unitNotRefreshed, work, name, result, [.reason(reason), .next(in: next)])
    }
    // One line for all units of a role: they lack the same rule.
    guard work.roles.keys.contains(where: { !reportedDenials.contains($0) }) else { return }
    reportedDenials.formUnion(work.roles.keys)
    write(
      .unitRefreshDenied, work, name, result,
      [
        .reason(reason), .next(in: next),
        .advice(
          "install polkitd, and save what 'sudo rolekeeper check --print-polkit' prints as \(StandardPath.polkitRule)"),
      ])
  }

  func logNotFound(
    _ role: RoleName, _ generation: UInt64, _ error: ManagerConnection.CallError, next: Duration
  ) {
    let isMissing = error.name == ManagerConnection.CallError.noServer
    let advice =
      isMissing ? [LogField.advice("see systemctl status dbus; if it isn't there: sudo apt install dbus")] : []
    log.write(
      .unitsNotFound, [.role(role), .generation(generation), .reason("\(error)"), .next(in: next)] + advice)
  }

  private func write(
    _ event: LogEvent, _ work: UnitWork, _ name: UnitName, _ result: UnitResult, _ more: [LogField]
  ) {
    for (role, generation) in work.roles.sorted(by: { $0.key < $1.key }) {
      log.write(event, [.unit(name), .role(role), .generation(generation), .result(result.rawValue)] + more)
    }
  }
}
