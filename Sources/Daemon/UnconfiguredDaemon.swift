import Core
import CredentialServer
import Glibc
import HTTPServer
package import LocalSockets
package import Logs
package import Settings
import SocketAPI
package import Systemd

/// Serves the sockets that were passed to the daemon for as long as it can't start: whoever asks learns why (`UnconfiguredService`), and a
/// unit that asks for a credential doesn't start (`UnitRejection`).
///
/// A daemon that ended instead would be started again by the next client at once, and after twenty times in two seconds systemd gives
/// up its socket: then nobody can connect until a person starts that (systemd.socket(5), TriggerLimitBurst=).
package final class UnconfiguredDaemon {
  package enum End {
    /// A start is worth another attempt.
    case tryAgain
    case stopped
  }

  /// What can pass by itself is tried again after so long.
  private static let pause: Int64 = 5_000_000

  private let loop: EventLoop
  private let log: Log
  private let read: @Sendable () -> LoadedSettings
  private let manager = Notifier()
  private var service: UnconfiguredService!
  private var server: HTTPServer?
  private let rejection: UnitRejection
  private let unitServer: UnitServer
  private var unitListener: UnitListener?
  private var signals: [SignalSource] = []
  private var watchdog: Watchdog?
  private var retry: TimerSource!
  /// Whether another start may succeed though nobody has done anything.
  private var canPass: Bool
  private var reading: AnyObject?
  /// Those whom the next reading answers.
  private var waiting: [(Bool) -> Void] = []
  private var end = End.stopped

  /// `read` reads the settings, beside the loop.
  package init(
    _ failure: StartFailure, sockets: InheritedSockets, loop: EventLoop, log: Log,
    read: @escaping @Sendable () -> LoadedSettings
  ) throws {
    self.loop = loop
    self.log = log
    self.read = read
    canPass = failure.canPass
    let refusals = try UnitRefusalLog(scheduler: loop, log: log)
    rejection = UnitRejection(error: failure.problem.errors.first ?? "", refusals: refusals)
    unitServer = try UnitServer(scheduler: loop, responder: rejection, refusals: refusals, most: Daemon.mostUnits)
    for number in [SIGTERM, SIGINT] {
      signals.append(
        try SignalSource(loop, signal: number) { [unowned self] in
          manager.stopping(status: "stopped")
          finish(.stopped)
        })
    }
    signals.append(try SignalSource(loop, signal: SIGHUP) { [unowned self] in reload { _ in } })
    service = try UnconfiguredService(
      failure.problem, access: AccessPolicy(ownUID: geteuid(), admins: AccessRule()), scheduler: loop, log: log
    ) { [unowned self] completion in reload(completion) }
    if let socket = sockets.api {
      let server = try HTTPServer(loop, listener: socket.listener(), handler: service)
      service.serve(on: server)
      self.server = server
    }
    unitServer.roomMade = { [unowned self] in unitListener?.resume() }
    unitListener = try sockets.credentials.map { try UnitListener(loop, $0.listener(), server: unitServer) }
    retry = try TimerSource(loop, accuracy: 500_000) { [unowned self] in
      // A reload that is under way decides by what it reads.
      if reading == nil { finish(.tryAgain) }
    }
    planRetry()
    if let interval = Watchdog.interval() { watchdog = try Watchdog(loop, interval: interval) { true } }
    log.write(.notServing, [.reason(failure.problem.errors.first ?? "")])
    manager.ready(status: status)
  }

  /// Turns the loop until a stop, or until a start is worth another attempt.
  package func run() throws -> End {
    _ = try loop.run()
    return end
  }

  private var status: String {
    let errors = service.problem.errors
    let others = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
    let next = canPass ? "trying again every 5 s" : "then run: sudo systemctl reload rolekeeper"
    return "not serving: \(errors.first ?? "")\(others); \(next)"
  }

  private func planRetry() {
    if canPass { retry.arm(at: loop.now + Self.pause) } else { retry.disarm() }
  }

  private func reload(_ completion: @escaping (Bool) -> Void) {
    waiting.append(completion)
    if reading != nil { return }
    manager.reloading()
    do {
      reading = try loop.call(read) { [unowned self] loaded in take(loaded) }
    } catch {
      log.write(.settingsStillUnusable, [.reason("cannot read the settings beside the loop: \(error)")])
      answer(false)
    }
  }

  private func take(_ loaded: LoadedSettings) {
    let isDone = loaded.settings != nil
    if !isDone {
      for error in loaded.errors { log.write(.settingsStillUnusable, [.reason(error.sentence)]) }
      service.problem = StartProblem(loaded.errors)
      canPass = loaded.isFailurePassing
      rejection.error = service.problem.errors.first ?? ""
    }
    answer(isDone)
    if isDone { finish(.tryAgain) }
  }

  private func answer(_ isDone: Bool) {
    reading = nil
    if !isDone { planRetry() }
    manager.ready(status: isDone ? "starting with the settings that were reloaded" : status)
    let requests = waiting
    waiting = []
    for request in requests { request(isDone) }
  }

  private func finish(_ end: End) {
    self.end = end
    unitListener?.stop()
    unitListener = nil
    let farewell = Duration.milliseconds(250)
    let drainUnits = { [unowned self] in
      service.flushLog()
      unitServer.drain(within: farewell) { [unowned self] in loop.exit() }
    }
    if let server { server.drain(within: farewell, done: drainUnits) } else { drainUnits() }
  }
}
