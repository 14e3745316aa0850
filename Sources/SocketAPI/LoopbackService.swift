package import Core
package import HTTPServer
import LocalSockets
import Refresh
import Settings
package import Systemd
import Wire

/// The answers at a loopback address: `GET /NAME`, the credential document for ALIBABA_CLOUD_CREDENTIALS_URI, and `GET /NAME/aws`, the
/// one for AWS_CONTAINER_CREDENTIALS_FULL_URI.
///
/// Anybody on this host can connect, and so can a web page that a browser on this host shows. So a request is refused before anything
/// else if it may come from such a page. The caller is the user that made the client's socket. It is judged for each answer by
/// the role's `allow.users` and `allow.groups` alone: no user has a right here that isn't written there, neither root nor an
/// administrator.
///
/// An answer has status 200 only with a credential, and comes within `wait`: some clients have no timeout.
package final class LoopbackService: RequestHandler {
  /// How long a request waits for the first session.
  static let wait = Duration.seconds(4)

  private struct Reader {
    let request: LoopbackRequest
    let token: ResponseToken
    let since: Timestamp
    let deadline: Timestamp
    /// The session that it waits for.
    var key: SessionKey?
  }

  package let address: LoopbackAddress
  private unowned let api: SocketService
  private let scheduler: any Scheduler
  private let groups: UserGroups
  private weak var server: (any LoopbackSink)?
  private var waiting: [Reader] = []
  /// The requests whose callers' groups are being looked up.
  private var judged: Set<ResponseToken> = []
  private var timer: (any Alarm)!

  package init(_ address: LoopbackAddress, of api: SocketService, scheduler: any Scheduler) throws {
    self.address = address
    self.api = api
    self.scheduler = scheduler
    groups = try api.userGroups()
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in answerLate() }
  }

  package func serve(on server: any LoopbackSink) { self.server = server }

  package func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response? {
    let found: LoopbackRequest
    switch LoopbackRequest.read(request, at: address) {
    case .refused(let answer, let reason):
      if let reason { api.noteLoopbackRefusal(.request(reason), uid: Peer.unidentified.uid) }
      return answer
    case .request(let request): found = request
    }
    api.loopbackFigures.requests += 1
    let now = scheduler.time
    return respond(to: Reader(request: found, token: token, since: now, deadline: now + found.wait))
  }

  /// The answer as things are now; nil if it follows later.
  private func respond(to reader: Reader) -> Response? {
    let (request, token) = (reader.request, reader.token)
    let uid: UInt32
    switch server?.callerUID(of: token) ?? .failure(.gone) {
    case .failure(let doubt): return refuse(doubt)
    case .success(let found): uid = found
    }
    guard let name = RoleName(request.name), let role = api.refresher.roles[name] else {
      return unknownRole(request.name, uid)
    }
    switch api.mayReadByUID(uid, role, scope: request.scope, groups) {
    case true?: return credential(of: role, for: reader, uid)
    case false?: return refuse(uid, role, scope: request.scope)
    case nil:
      judged.insert(token)
      // The address may be gone from the settings by then.
      let isAsked = groups.find(uid, by: reader.deadline) { [weak self] found in
        guard let self, judged.remove(token) != nil else { return }
        let response = found == nil ? unknownGroups(uid, role) : respond(to: reader)
        if let response { server?.complete(token, response) }
      }
      if isAsked { return nil }
      judged.remove(token)
      return unknownGroups(uid, role)
    }
  }

  private func credential(of role: ManagedRole, for reader: Reader, _ uid: UInt32) -> Response? {
    let now = scheduler.time
    var scope: RoleName?
    if let text = reader.request.scope {
      scope = RoleName(text)
      guard let scope, role.settings.derivation.scope(scope) != nil else { return unknownScope(text, of: role, uid) }
    }
    let key = role.settings.sessionKey(scope: scope, uid: uid)
    switch api.session(of: key, from: role, orRequest: now < reader.deadline || now == reader.since) {
    case .found(let session): return credential(of: session, for: reader, uid, at: now)
    case .beingFetched: return wait(reader, for: key, at: now) ? nil : SocketService.beingFetched(key)
    case .full(let most, let wait): return api.tooManyUsers(key, most: most, wait)
    case .nameNotFound: return SocketService.nameNotFound(key)
    }
  }

  /// `role` is the role itself, or a session that is derived from it.
  private func credential(of role: ManagedRole, for reader: Reader, _ uid: UInt32, at now: Timestamp) -> Response? {
    let format = reader.request.format
    if let response = api.loopbackHandOut(role, as: format, to: uid, at: now) { return response }
    let query = ReaderQuery(minTTL: nil, since: reader.since, deadline: reader.deadline)
    switch api.refresher.offer(of: role, to: query, at: now) {
    case .session(let session):
      return api.loopbackHandOut(session, of: role, as: format, to: uid, at: now) ?? api.nothingValid(role, at: now)
    case .wait: return wait(reader, for: role.key, at: now) ? nil : api.nothingValid(role, at: now)
    case .rateTooLow(let next): return api.nothingValid(role, at: now, wait: next - now)
    case .notInTime, .tooLong, .refused, .fetch: return api.nothingValid(role, at: now)
    }
  }

  // MARK: - Waiting requests

  /// Lets it wait for the session, unless its time is over.
  private func wait(_ reader: Reader, for key: SessionKey, at now: Timestamp) -> Bool {
    guard now < reader.deadline else { return false }
    var reader = reader
    reader.key = key
    waiting.append(reader)
    if timer.deadline.map({ reader.deadline.microseconds < $0 }) ?? true {
      timer.arm(at: reader.deadline.microseconds)
    }
    return true
  }

  /// Answers those that wait for the session, where something has changed for it.
  func answerWaiting(for key: SessionKey) { answer { $0.key == key } }

  /// Answers those that wait for a session of the role, or of a scope or user.
  func answerWaiting(for role: RoleName) { answer { $0.key?.role == role } }

  /// Looks again at those that wait for the user's name.
  func answerWaiting(ofUser uid: UInt32) { answer { $0.key?.uid == uid } }

  /// Answers those that needn't wait any more, after the settings have changed.
  func answerWaiting() { answer { _ in true } }

  private func answerLate() {
    let now = scheduler.time
    answer { $0.deadline <= now }
    if let next = waiting.map(\.deadline).min() { timer.arm(at: next.microseconds) }
  }

  private func answer(where isMeant: (Reader) -> Bool) {
    let meant = waiting.filter(isMeant)
    if meant.isEmpty { return }
    waiting.removeAll(where: isMeant)
    for one in meant {
      if let response = respond(to: one) { server?.complete(one.token, response) }
    }
  }

  /// The daemon ends: waiting requests are answered.
  func endWaiting(_ response: Response) {
    let tokens = waiting.map(\.token) + judged
    (waiting, judged) = ([], [])
    for token in tokens { server?.complete(token, response) }
  }

  package func abandoned(_ token: ResponseToken) {
    waiting.removeAll { $0.token == token }
    judged.remove(token)
  }

  // MARK: - Refusals

  private func refuse(_ doubt: CallerDoubt) -> Response {
    api.noteLoopbackRefusal(.caller(doubt.description), uid: Peer.unidentified.uid)
    return Answer.problem(Problem(.forbidden, detail: "your process can't be identified: \(doubt.description)"))
  }

  private func refuse(_ uid: UInt32, _ role: ManagedRole, scope: String?) -> Response {
    api.noteLoopbackRefusal(.role(role.name), uid: uid)
    return Answer.problem(Problem(.forbidden, detail: api.whyNotByUID(uid, role, scope: scope)))
  }

  private func unknownGroups(_ uid: UInt32, _ role: ManagedRole) -> Response {
    api.noteLoopbackRefusal(.role(role.name), uid: uid)
    return Answer.problem(
      Problem(
        .forbidden,
        detail:
          "the groups of \(api.callers.shown(uid)) weren't found in time; name the user in 'roles.\(role.name).allow'"))
  }

  private func unknownScope(_ text: String, of role: ManagedRole, _ uid: UInt32) -> Response {
    let scopes = role.settings.derivation.scopes.map { "\($0.name)" }
    return SocketService.unknownScope(
      text, of: role, among: scopes.filter { api.mayReadByUID(uid, role, scope: $0, groups) == true })
  }

  private func unknownRole(_ name: String, _ uid: UInt32) -> Response {
    // A limit, so that a misspelled name doesn't block the loop for long; and no name that the caller may not read.
    let roles = api.refresher.rolesInOrder.prefix(500).filter { api.mayReadByUID(uid, $0, groups) == true }
    let near = Spelling.nearest(to: String(name.prefix(64)), among: roles.map { "\($0.name)" })
    var problem = Problem(.notFound, detail: "", suggestion: near)
    problem.detail =
      "there is no role '\(RefusedValue.shown(name))'; \(problem.didYouMean)paths are /NAME and /NAME/aws"
    return Answer.problem(problem)
  }

  /// No connection is reserved for anybody here.
  package func isPrivileged(_ peer: Peer) -> Bool { false }

  package func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal) {
    api.noteLoopbackRefusal(.request(reason.rawValue), uid: peer.uid)
  }

  package func acceptFlood(by uid: UInt32, _ pid: Int32) { api.noteLoopbackRefusal(.flood, uid: uid) }
}
