import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `wait ROLE…`: returns when each of the roles has a valid credential, without reading one.
///
/// Every change of a role is a line of the event stream, and after each line the role's status is requested. The stream
/// ends when the daemon stops, or if this process was stopped for long; then it is opened again, as long as `--timeout`
/// allows.
struct WaitCommand {
  static let usualTimeout = WrittenTime("60s")!
  /// The limits for one status request: at least this long, so that the last one can succeed, and at most this long.
  private static let shortestLook = Duration.seconds(1)
  private static let longestLook = Duration.seconds(15)
  /// How often all roles are checked without an event, since a reload may have removed one.
  private static let pause = Duration.seconds(5)
  /// The pause between attempts to reach the daemon.
  private static let again = Duration.milliseconds(200)

  private let client: LocalClient
  private let arguments: Arguments
  private let timeout: WrittenTime
  private let deadline: Deadline
  private var missing: [String]
  private var events: LineStream?
  /// By role, the file that isn't written yet although there is a credential.
  private var unwritten: [String: OutputStatus] = [:]
  /// The last known status of each role.
  private var seen: [String: RoleStatus] = [:]
  /// The daemon's last refusal of a status request, for example because of too many connections.
  private var busy: Refusal?

  init(_ client: LocalClient, _ arguments: Arguments) {
    self.client = client
    self.arguments = arguments
    timeout = arguments.timeout ?? Self.usualTimeout
    deadline = Deadline(after: .seconds(timeout.seconds))
    missing = Array(Set(arguments.roles)).sorted()
  }

  mutating func run() throws -> Int32 {
    var trouble: LocalClientError?
    do {
      try look()
    } catch let error as LocalClientError where error.mayBeRestart {
      // While the host boots, the daemon may not have started. A wrong socket or a missing permission is an error at
      // once.
      trouble = error
    }
    while !missing.isEmpty {
      guard !deadline.hasPassed else { return late(trouble) }
      do {
        if let role = try awaitNews() {
          if try isReady(role) { missing.removeAll { $0 == role } }
        } else {
          try look()
        }
        trouble = nil
      } catch let error as LocalClientError {
        // The daemon may be restarting, or its process was stopped and continues.
        trouble = error
        events = nil
        nap(Self.again)
      }
    }
    return ExitStatus.done
  }

  /// Opens the stream before checking the roles, so that it has all later changes.
  private mutating func look() throws {
    if events == nil {
      switch try client.lines("/v1/events", timeout: lookTimeout) {
      case .open(let stream): events = stream
      case .refused(let answer):
        // For example, there are too many connections: the roles are checked anyway, and the stream opened later.
        let refusal = Refusal(answer)
        guard refusal.exitStatus == ExitStatus.notNow else { throw refusal }
        busy = refusal
      }
    }
    for role in missing where try isReady(role) { missing.removeAll { $0 == role } }
  }

  /// Waits for an event of a missing role and returns its name; nil when all roles have to be checked.
  private mutating func awaitNews() throws -> String? {
    let end = Deadline.earlier(deadline, Deadline(after: Self.pause))
    while true {
      let line: String?
      do throws(LocalClientError) {
        line = try events?.next(within: end.left)
      } catch {
        if case .silent = error { return nil }
        throw error
      }
      guard let line else {
        events = nil
        nap(Self.again)
        return nil
      }
      switch EventLine(parsing: Array(line.utf8).span) {
      // `look` asks for each role's status, which says more.
      case .role(let event) where event.kind == .snapshot: continue
      case .role(let event): if missing.contains(event.role) { return event.role }
      case .heartbeat: continue
      // A newer daemon may send events that this program doesn't know: then all roles are checked.
      case .unknown: return nil
      }
    }
  }

  private mutating func isReady(_ role: String) throws -> Bool {
    let answer = try client.request("GET", "/v1/roles/\(role)", timeout: lookTimeout)
    // A daemon that has too many requests will answer later.
    guard answer.status == 200 else {
      let refusal = Refusal(answer, role: role)
      guard refusal.exitStatus == ExitStatus.notNow else { throw refusal }
      busy = refusal
      return false
    }
    let status = try answer.body.withBytes { bytes in try RoleStatus(parsing: bytes) }
    if let refusal = Self.never(status, minTTL: arguments.minTTL) { throw refusal }
    if let refusal = Self.hopeless(status, minTTL: arguments.minTTL) { throw refusal }
    seen[role] = status
    let hasCredential = Self.isReady(status, minTTL: arguments.minTTL.map { .seconds($0.seconds) })
    unwritten[role] = hasCredential ? status.outputs.first { !$0.isInPlace } : nil
    return hasCredential && unwritten[role] == nil
  }

  /// Why no session of the role will ever have that lifetime, or not until what STS has refused is changed; nil if one
  /// may.
  static func never(_ status: RoleStatus, minTTL: WrittenTime?) -> Refusal? {
    guard let minTTL, let most = status.maxTTL, .seconds(minTTL.seconds) > most,
      !isReady(status, minTTL: .seconds(minTTL.seconds))
    else { return nil }
    let problem = Problem(.tooLong, detail: "", code: status.maxTTLCode, maxTTL: most)
    return Refusal(problem, httpStatus: problem.status, role: status.name, minTTL: minTTL)
  }

  /// Why the role gets no such session until somebody changes something; nil if an attempt that is due or in progress
  /// may bring one, as after a reload, or while a key is missing.
  static func hopeless(_ status: RoleStatus, minTTL: WrittenTime?) -> Refusal? {
    guard let error = status.lastError, error.isPermanent, error.code != Failure.noAccessKeyCode,
      let next = status.nextRefreshIn, !isReady(status, minTTL: minTTL.map { .seconds($0.seconds) })
    else { return nil }
    let problem = Problem(
      .noSession, detail: reason(status, of: status.name), retryAfter: max(.seconds(1), next), isPermanent: true)
    return Refusal(problem, httpStatus: problem.status, role: status.name, minTTL: minTTL)
  }

  /// The reason why the wait was in vain. `busy` is the daemon's refusal of the status request.
  static func reason(_ status: RoleStatus?, of role: String, busy: Refusal? = nil) -> String {
    guard let status else {
      return "role '\(role)': \(busy.map { "\($0)" } ?? "the daemon didn't say how it is")"
    }
    let life = [status.expiresIn, status.reservation?.expiresIn].compactMap(\.self).max()
    let lasts = life.map { "its longest session lasts \($0.text)" }
    let failure = status.lastError.map { error in
      let request = error.requestID.map { " (request \($0))" } ?? ""
      return "the last attempt failed: \(error.code): \(error.advice)\(request)"
    }
    let none = status.state == .waiting ? "no attempt to fetch a session has ended yet" : "no attempt has failed"
    let parts = [lasts, failure].compactMap(\.self)
    return "role '\(role)': \(parts.isEmpty ? none : parts.joined(separator: "; "))"
  }

  /// Whether a reader gets a credential that lasts at least `minTTL`, from the pool or an existing reservation.
  static func isReady(_ status: RoleStatus, minTTL: Duration?) -> Bool {
    guard status.state.hasSession || status.reservation != nil else { return false }
    guard let minTTL else { return status.state.hasSession }
    return [status.expiresIn, status.reservation?.expiresIn].contains { $0.map { $0 >= minTTL } ?? false }
  }

  private var lookTimeout: Duration { min(Self.longestLook, max(Self.shortestLook, deadline.left)) }

  private func nap(_ span: Duration) {
    let span = min(span, deadline.left)
    usleep(UInt32(span.components.attoseconds / 1_000_000_000_000))
  }

  private func late(_ trouble: LocalClientError?) -> Int32 {
    for (role, output) in unwritten.sorted(by: { $0.key < $1.key }) where missing.contains(role) {
      let why = output.lastError ?? "it isn't written yet"
      Console.report("role '\(role)' has a credential, but not in its file '\(output.path)': \(why)")
    }
    if missing.allSatisfy({ unwritten[$0] != nil }) {
      return trouble == nil ? ExitStatus.notNow : ExitStatus.unreachable
    }
    let names = missing.filter { unwritten[$0] == nil }.map { "'\($0)'" }.joined(separator: ", ")
    let life = arguments.minTTL.map { " that lasts \($0.text)" } ?? ""
    Console.report("no valid credential\(life) within \(timeout.text) for \(names)")
    guard let trouble else {
      for role in missing where unwritten[role] == nil { Console.report(Self.reason(seen[role], of: role, busy: busy)) }
      return ExitStatus.notNow
    }
    Console.report("\(trouble)")
    return ExitStatus.unreachable
  }
}
