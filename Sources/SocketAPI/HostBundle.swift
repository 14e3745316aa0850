import Core
import Fleet
import HTTPServer
import Refresh
import Secrets
import Settings
import Wire

/// The sessions that were in a bundle; the hosts that have the same bundle share one of these.
final class BundleRecord {
  struct Line {
    let key: SessionKey
    let accessKeyID: String
    let generation: UInt64
  }

  let lines: [Line]
  /// The bundle, while it is handed out: a host that had it last gets it again without a search.
  var bundle: HostBundle?

  init(_ lines: [Line]) { self.lines = lines }

  func holds(_ accessKeyID: String) -> Bool { lines.contains { $0.accessKeyID == accessKeyID } }
}

/// All roles of some hosts, rendered once.
final class HostBundle {
  /// Changes when another session is in it, or when a role gets one or loses it; with its quotes.
  let tag: String
  /// The part of the document that all these hosts share.
  let body: Secret
  let record: BundleRecord
  /// The roles with a session in it.
  let roles: [ManagedRole]
  /// Those of its sessions that are derived from roles.
  let derived: [ManagedRole]
  /// The head of an answer with it, but for the lines that differ between hosts.
  private let head: String
  /// The sessions of the roles, in their order.
  let keys: [SessionKey]
  /// Those of them that have none.
  let missing: [SessionKey]
  /// Those of the missing ones whose first attempt has had no outcome yet.
  let pending: [SessionKey]
  /// The mean time between two requests of a host.
  let refresh: Duration
  /// From when on it has to be made again, though no role has changed.
  let end: Timestamp
  /// When the first of the missing ones may be there.
  let retryAfter: Duration
  /// Why the first of them isn't; nil if none is missing.
  let firstProblem: String?

  var hasSession: Bool { missing.count < keys.count }

  /// `sessions` are the roles themselves or what is derived from them, in the order of the roles' names; the role is nil where the session isn't
  /// there yet.
  init(_ sessions: [(key: SessionKey, role: ManagedRole?)], of api: SocketService, at now: Timestamp) {
    var entries: [(name: RoleName, entry: BundleEntry)] = []
    var lines: [BundleRecord.Line] = []
    var (roles, derived): ([ManagedRole], [ManagedRole]) = ([], [])
    var missing: [SessionKey] = []
    var pending: [SessionKey] = []
    var (end, retryAfter) = (now + Self.longest, Self.longest)
    var refresh = RoleTiming.hostInterval.upperBound
    var firstProblem: String?
    var state: [String] = []
    for (key, role) in sessions {
      if let role, let arn = role.settings.arn, let session = role.serving(at: now),
        let credential = api.refresher.credential(of: session)
      {
        // If STS granted less than was asked for, all times shrink with it.
        let share = min(1, max(0, session.granted.inSeconds / max(1, session.asked.inSeconds)))
        let timing = role.settings.timing
        let life = Duration.seconds(fraction: timing.shortestLife.inSeconds * share)
        refresh = min(refresh, .seconds(fraction: timing.hostRefresh.inSeconds * share))
        entries.append(
          (key.role, .session(credential, of: arn, generation: role.generation, shortestLife: life)))
        lines.append(.init(key: key, accessKeyID: session.accessKeyID, generation: role.generation))
        if let origin = role.origin { derived.append(role); roles.append(origin) } else { roles.append(role) }
        state.append(session.accessKeyID)
        end = min(end, session.expires - role.machine.timing.lapseMargin)
      } else {
        let (entry, wait) = Self.failure(of: role, api, at: now)
        if let role { refresh = min(refresh, role.settings.timing.hostRefresh) }
        entries.append((key.role, entry))
        if case .failure(_, let message, _) = entry { firstProblem = firstProblem ?? "role '\(key.role)': \(message)" }
        missing.append(key)
        if let role, !role.machine.hasHadOutcome { pending.append(key) }
        retryAfter = min(retryAfter, wait)
        state.append("-\(role?.machine.lastFailure?.code ?? "")")
        end = min(end, now + Self.longestFailure)
      }
    }
    keys = sessions.map { $0.key }
    body = BundleDocument.roles(entries)
    record = BundleRecord(lines)
    tag = Self.tag(zip(keys, state))
    head = Answer.openHead(status: 200, type: .json, fields: "ETag: \(tag)\r\n")
    (self.roles, self.derived, self.firstProblem) = (roles, derived, firstProblem)
    (self.missing, self.pending, self.refresh, self.end, self.retryAfter) = (missing, pending, refresh, end, retryAfter)
  }

  /// The head of an answer with it. `beginning` is how long the part of the document is that is the host's own.
  func head(beginning: Int, refreshAfter: Duration) -> PlainBytes {
    PlainBytes(
      String(
        joining: head, "Content-Length: ", String(beginning + body.count), "\r\nRolekeeper-Refresh-After: ",
        String(refreshAfter.wholeSeconds), "\r\n\r\n"))
  }

  /// How long it is kept. Whatever changes in between drops it.
  private static let longest = Duration.minutes(10)
  /// The same if a role has no session: the time until the next attempt is in it.
  private static let longestFailure = Duration.seconds(2)

  private static func failure(of role: ManagedRole?, _ api: SocketService, at now: Timestamp) -> (BundleEntry, Duration)
  {
    guard let role else {
      return (
        .failure(code: "NoSession", message: "a session is about to be fetched", retryAfter: .seconds(1)), .seconds(1)
      )
    }
    let next = api.nextAttempt(of: role)
    let wait = max(.zero, next - now) + .seconds(1)
    return (
      .failure(
        code: role.machine.lastFailure?.code ?? "NoSession",
        message: role.whyNothingIsValid(at: now, nextAttempt: next), retryAfter: wait), wait
    )
  }

  /// No secret goes into it.
  private static func tag(_ state: some Sequence<(SessionKey, String)>) -> String {
    EntityTag.of(state.map { "\($0.0.role) \($0.0.shard ?? -1) \($0.1)\n" }.joined())
  }
}
