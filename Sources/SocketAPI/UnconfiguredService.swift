package import Core
package import HTTPServer
package import Logs
package import Systemd
import Wire

/// Why the daemon can't serve.
package struct StartProblem: Hashable, Sendable {
  /// The place of the first error, `FILE:LINE`; nil if it isn't in a file.
  package let place: String?
  /// A sentence for each, with a fix.
  package let errors: [String]

  package init(place: String?, errors: [String]) {
    self.place = place
    self.errors = errors
  }
}

/// The socket's answers while the daemon has no usable settings: every request gets an error with the place of the first problem and
/// the fix. Administrators, who are root and the daemon's own user as long as no settings name others, get all errors, and may
/// reload.
package final class UnconfiguredService: RequestHandler {
  package var problem: StartProblem
  private let reload: (@escaping (_ isDone: Bool) -> Void) -> Void
  private let access: AccessPolicy
  private let callers: CallerLog
  private let refusalLog: RefusalLog
  private weak var server: (any ResponseSink)?

  /// `reload` reads the settings again, and returns whether they can be used; if not, `problem` has the new errors.
  package convenience init(
    _ problem: StartProblem, access: AccessPolicy, scheduler: any Scheduler, log: Log,
    reload: @escaping (@escaping (_ isDone: Bool) -> Void) -> Void
  ) throws {
    try self.init(
      problem, access: access, scheduler: scheduler,
      callers: CallerLog(log: log, names: UserNames(scheduler: scheduler)),
      reload: reload)
  }

  init(
    _ problem: StartProblem, access: AccessPolicy, scheduler: any Scheduler, callers: CallerLog,
    reload: @escaping (@escaping (_ isDone: Bool) -> Void) -> Void
  ) throws {
    self.problem = problem
    self.access = access
    self.reload = reload
    self.callers = callers
    refusalLog = try RefusalLog(scheduler: scheduler, callers: callers)
  }

  package func serve(on server: any ResponseSink) { self.server = server }

  package func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response? {
    guard isPrivileged(peer) else { return answer(withErrors: false) }
    guard request.method == .post, Route(request) == .reload else { return answer(withErrors: true) }
    reload { [unowned self] isDone in
      server?.complete(token, isDone ? Answer.document(ReloadOutcome(movedTo: nil)) : answer(withErrors: true))
    }
    return nil
  }

  private func answer(withErrors: Bool) -> Response {
    let place = problem.place.map { ": \($0)" } ?? ""
    let detail =
      "the daemon can't use its settings\(place); an administrator corrects what 'sudo rolekeeper check' lists, then runs: "
      + "sudo systemctl reload rolekeeper"
    return Answer.problem(Problem(.settingsUnusable, detail: detail, errors: withErrors ? problem.errors : []))
  }

  package func isPrivileged(_ peer: Peer) -> Bool { access.isAdmin(peer) }

  package func abandoned(_ token: ResponseToken) {}

  package func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal) {
    refusalLog.note(.connection(reason), uid: peer.uid, pid: peer.pid)
  }

  package func acceptFlood(by uid: UInt32, _ pid: Int32) { refusalLog.note(.acceptFlood, uid: uid, pid: pid) }

  /// Writes the log lines that wait for a user's name.
  package func flushLog() { callers.flush() }
}
