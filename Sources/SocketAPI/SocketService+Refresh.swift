package import Core
import HTTPServer
import Refresh
import Settings
import Systemd
import Wire

/// `POST /v1/roles/NAME/refresh[?wait=S]`: fetches a new session now. Without `wait` the answer is 202 at once; with it, the role's
/// status when the session has arrived, the failure if the fetch fails, or 202 if neither happens in time.
extension SocketService {
  func refresh(_ role: ManagedRole, _ request: borrowing RequestHead, _ token: ResponseToken) -> Response? {
    let wait: Int
    do throws(RefusedValue) {
      wait = try RefusedValue.seconds("wait", of: request, atMost: Int(RequestWait.longest.wholeSeconds)) ?? 0
    } catch { return Answer.problem(Problem(.malformed, detail: "\(error)")) }
    let now = scheduler.time
    if wait > 0 {
      refreshWaiters.add(
        RefreshWaiters.Waiter(
          token: token, since: now, deadline: now + .seconds(Int64(wait)), latest: role.machine.latest?.id),
        for: role.name)
    }
    refresher.refresh(role)
    return wait > 0 ? nil : Self.requested(role.name)
  }

  /// An attempt of the role ended: answers the requests that wait for it.
  func refreshEnded(of role: ManagedRole) {
    if let success = role.machine.lastSuccess {
      complete(role, since: success) { refreshed(role, after: $0) }
    }
    // A failure that is retried at once isn't the outcome.
    guard let failed = role.machine.failedAt, role.machine.nextAttempt > failed, let failure = role.machine.lastFailure
    else { return }
    let now = scheduler.time
    complete(role, since: failed) { _ in refreshFailed(role, failure, at: now) }
  }

  /// The role's status, with the fetched session: readers may keep another one that lives longer. A tier may have no newer one; if it didn't
  /// answer, the refresh failed, though the role's session is good.
  private func refreshed(_ role: ManagedRole, after waiter: RefreshWaiters.Waiter) -> Response {
    var status = status(of: role, for: nil)
    let now = scheduler.time
    if let latest = waiter.latest, role.settings.tier != nil, role.machine.latest?.id == latest {
      guard let error = status.source?.error else { return Answer.document(status) }
      return refreshFailed(role, Failure(.transient, code: error.code, advice: error.advice), at: now)
    }
    status.fetched = role.machine.latest.map {
      FetchedSession(
        accessKeyID: $0.accessKeyID, asked: $0.asked, expiresAt: $0.expiration, expiresIn: max(.zero, $0.expires - now))
    }
    return Answer.document(status)
  }

  private func complete(_ role: ManagedRole, since latest: Timestamp, _ response: (RefreshWaiters.Waiter) -> Response) {
    for waiter in refreshWaiters.take(role.name, since: latest) { server?.complete(waiter.token, response(waiter)) }
  }

  func refreshTimedOut(_ waiter: RefreshWaiters.Waiter, _ name: RoleName) {
    server?.complete(waiter.token, refresher.roles[name] == nil ? Self.removed(name) : Self.requested(name))
  }

  /// The role was removed from the settings.
  package func refreshRoleGone(_ name: RoleName) {
    let now = scheduler.time
    for waiter in refreshWaiters.take(name, since: now) { server?.complete(waiter.token, Self.removed(name)) }
  }

  private static func requested(_ name: RoleName) -> Response {
    Answer.text(String(joining: #"{"role":""#, name.description, #"","refresh":"requested"}"#, "\n"), status: 202)
  }

  private static func removed(_ name: RoleName) -> Response {
    Answer.problem(Problem(.notFound, detail: "role '\(name)' was taken out of the settings"))
  }

  private func refreshFailed(_ role: ManagedRole, _ failure: Failure, at now: Timestamp) -> Response {
    let left = role.isValid(at: now) ? role.current.map { $0.session.expires - now } : nil
    let credential = left.map { "the current credential lasts \($0.text) more" } ?? "there is no valid credential"
    return Answer.problem(
      Problem(
        .refreshFailed,
        detail: "role '\(role.name)': the refresh failed: \(failure.code): \(failure.advice); \(credential)",
        code: failure.code, requestID: failure.requestID,
        retryAfter: max(.seconds(1), nextAttempt(of: role) - now), isPermanent: failure.kind == .permanent))
  }
}
