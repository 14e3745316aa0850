package import Core
package import HTTPClient
package import Logs
package import Systemd
package import Wire

/// Tracks whether the present CA file can be used: for the log, the status, the metrics and the service manager's line.
///
/// Each request checks the file; between requests, which may be hours apart, it is looked at every minute.
package final class AuthoritiesWatch {
  private static let interval: Int64 = 60_000_000
  /// Allows it to share a wake-up with other timers.
  private static let accuracy: Int64 = 10_000_000

  package struct Problem {
    /// Names the file, the problem and the fix.
    package let sentence: String
    let since: Timestamp
    /// Whether certificates that were read before are in force.
    package let hasCertificates: Bool
  }

  let path: String
  private let scheduler: any Scheduler
  private let http: HTTPClient
  private var timer: (any Alarm)!

  /// `changed` is called when `problem` may have changed.
  package init(of http: HTTPClient, path: String, scheduler: any Scheduler, log: Log, changed: @escaping () -> Void)
    throws
  {
    self.scheduler = scheduler
    self.http = http
    self.path = path
    http.authoritiesChanged = { [unowned http] problem in
      if let problem {
        log.write(http.hasAuthorities ? .caFileNotReread : .caFileNotRead, [.reason("\(problem)")])
      } else {
        log.write(.caFileReread, [.path(path)])
      }
      changed()
    }
    timer = try scheduler.timer(accuracy: Self.accuracy) { [unowned self] in look() }
    arm()
  }

  /// Nil while the present file is used.
  package var problem: Problem? {
    http.authoritiesProblem.map { error, since in
      var sentence = "\(error)"
      if !sentence.contains("'\(path)'") { sentence = "CA file '\(path)' can't be read again: \(sentence)" }
      return Problem(
        sentence: sentence, since: Timestamp(microseconds: since), hasCertificates: http.hasAuthorities)
    }
  }

  package func status(clock: ServerClock) -> CAFileStatus {
    CAFileStatus(
      path: path, error: problem.map { LastError(caFile: $0.sentence, since: clock.calendar(at: $0.since)) })
  }

  private func look() {
    http.lookAtAuthorities()
    arm()
  }

  private func arm() { timer.arm(at: scheduler.time.microseconds + Self.interval) }
}
