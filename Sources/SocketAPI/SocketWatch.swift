import Core
package import LocalSockets
package import Logs
package import Systemd

/// Notices if the socket's file was deleted or replaced, and makes the daemon listen at its path again.
///
/// Until then nobody can connect, and nothing else shows it, since open connections go on working. The path isn't taken from
/// another process that listens there.
package final class SocketWatch {
  /// In microseconds.
  private static let interval: Int64 = 30_000_000

  private let scheduler: any Scheduler
  private let log: Log
  private let listener: () -> UnixListener?
  private let listenAgain: () throws -> Void
  private var timer: (any Alarm)!
  private var reported: String?

  /// `listener` returns the one in force, nil while there is none; `listenAgain` replaces it.
  package init(
    scheduler: any Scheduler, log: Log, listener: @escaping () -> UnixListener?,
    listenAgain: @escaping () throws -> Void
  ) throws {
    self.scheduler = scheduler
    self.log = log
    self.listener = listener
    self.listenAgain = listenAgain
    timer = try scheduler.timer(accuracy: 5_000_000) { [unowned self] in look() }
    arm()
  }

  func look() {
    arm()
    guard let listener = listener() else { return }
    let path = listener.path
    if listener.isInPlace {
      reported = nil
      return
    }
    do {
      try listenAgain()
      reported = nil
      log.write(
        .socketReplaced,
        [.path(path), .advice("nobody could connect for up to a minute; find out what deletes it")])
    } catch {
      if reported == "\(error)" { return }
      reported = "\(error)"
      log.write(.socketNotReplaced, [.reason("\(error)")])
    }
  }

  private func arm() { timer.arm(at: scheduler.time.microseconds + Self.interval) }
}
