package import Core
package import HTTPServer
import LocalSockets
package import Logs
package import Refresh
import Settings
package import Systemd
package import Wire

/// The parts of the daemon that the socket's routes need.
package protocol SocketBackend: AnyObject {
  /// Reads the settings again; `completion` is called later. Settings that look truncated are refused unless removal is allowed.
  func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void)
  /// The socket's path in the settings in force.
  var socketPath: String { get }
  func status(of role: ManagedRole, at now: Timestamp) -> RoleStatus
  /// The report without its roles.
  func statusReport(_ health: Health) -> StatusReport
  /// What is wrong with the role's session; nil if nothing is.
  func sessionReason(of role: ManagedRole, at now: Timestamp) -> Health.Reason?
  /// What is wrong with the role's files.
  func outputReasons(of role: ManagedRole) -> [Health.Reason]
  /// Problems beside the roles.
  func generalReasons() -> [Health.Reason]
  /// The health of one role.
  func health(of role: ManagedRole) -> Health
  func figures() -> DaemonFigures
  /// The metrics of the role's files; nil if it has none.
  func outputFigures(of role: ManagedRole) -> OutputFigures?
}

/// The outcome of a reload.
package enum ReloadResult {
  /// The settings are in force. A sentence for each thing that they have removed, and for each that isn't served.
  case done(warnings: [String])
  /// Nothing was changed. A sentence for each error, with file and line.
  case refused([String])
}

/// The socket's API: finds the role, checks this peer's access, and hands out rendered bytes.
package final class SocketService: RequestHandler, DerivedObserver {
  unowned let backend: any SocketBackend
  let scheduler: any Scheduler
  let refresher: Refresher
  /// The access policy of the settings in force.
  package var access: AccessPolicy {
    didSet {
      guard access.admins != oldValue.admins else { return }
      refresher.awaitReaders()
      subscribers.adminsChanged { access.isAdmin($0) && !oldValue.isAdmin($0) }
    }
  }
  private(set) weak var server: (any ResponseSink)?
  package private(set) var refusals: UInt64 = 0
  package internal(set) var belowFloorAnswers: UInt64 = 0
  /// How often each outcome occurred, since the daemon started.
  var reservations: [ReservationOutcome: UInt64] = [:]

  /// The users whose names are being looked up for their first session.
  var lookUps: Set<UInt32> = []
  /// The user whose look-up has just ended, and its name for the cloud; that is nil if it failed.
  var foundUser: (uid: UInt32, label: UserLabel?)?
  /// The derived sessions that were dropped in this turn of the loop.
  var dropped: [SessionKey] = []
  private(set) var droppedTurn: (any Deferral)!
  let log: Log
  private(set) var waiting: WaitingReaders!
  private(set) var subscribers: EventSubscribers!
  private(set) var refreshWaiters: RefreshWaiters!
  var heads = HandoutHeads()
  var reservationLimits = ReservationLimits()
  /// Refused connections.
  private(set) var shortage = ConnectionShortage()
  /// Called when a connection was refused because all are taken, and none was in the minute before.
  package var connectionsRanOut: () -> Void = {}
  /// How many connections were refused because all were taken, until none was for a minute.
  package var refusedConnections: Int { shortage.count(at: scheduler.time) }
  /// When the next process replaces this one, if that is known.
  package var restart: () -> Timestamp? = { nil }
  let callers: CallerLog
  private(set) var bundles: BundleService!
  /// What hosts call this machine.
  package var tier: String {
    get { bundles.tier }
    set { bundles.tier = newValue }
  }
  package let reports: SessionReports
  /// The loopback addresses that are listened at, in the order of the settings.
  package var loopback: [LoopbackService] = []
  var loopbackFigures = LoopbackFigures()
  /// The requests for a URI whose callers' groups are being looked up.
  var uriQuestions: Set<ResponseToken> = []
  /// The groups of callers at those; nil while there was none.
  var groups: UserGroups?
  private let refusalLog: RefusalLog
  let handoutLog: HandoutLog
  private(set) var long: LongAnswers!

  package convenience init(
    scheduler: any Scheduler, backend: any SocketBackend, refresher: Refresher, access: AccessPolicy, log: Log
  ) throws {
    try self.init(
      scheduler: scheduler, backend: backend, refresher: refresher, access: access, log: log,
      callers: CallerLog(log: log, names: UserNames(scheduler: scheduler)))
  }

  init(
    scheduler: any Scheduler, backend: any SocketBackend, refresher: Refresher, access: AccessPolicy, log: Log,
    callers: CallerLog
  ) throws {
    self.backend = backend
    self.scheduler = scheduler
    self.refresher = refresher
    self.access = access
    self.log = log
    self.callers = callers
    refusalLog = try RefusalLog(scheduler: scheduler, callers: callers)
    handoutLog = HandoutLog(log: log, callers: callers)
    reports = try SessionReports(scheduler: scheduler, refresher: refresher, log: log)
    waiting = try WaitingReaders(scheduler: scheduler) { [unowned self] reader in lookAgain(at: &reader) }
    refreshWaiters = try RefreshWaiters(scheduler: scheduler) { [unowned self] waiter, role in
      refreshTimedOut(waiter, role)
    }
    long = try LongAnswers(scheduler: scheduler) { [unowned self] in server?.complete($0, $1) }
    subscribers = try EventSubscribers(scheduler: scheduler, source: self)
    droppedTurn = scheduler.deferred { [unowned self] in answerThoseOfDropped() }
    bundles = try BundleService(self)
    refresher.observeDerived(by: self)
    refresher.isWatched = { [unowned self] in subscribers.follows($0) }
  }

  /// The settings changed, and with them the access.
  package func settingsChanged() {
    refresher.forgetNotes()
    groups?.forgetAll()
    bundles.settingsChanged()
    long.beginAgain()
    for key in waiting.keys { answerWaitingReaders(for: key) }
    for service in loopback { service.answerWaiting() }
    subscribers.review()
    fetchFollowedSessions()
  }

  /// Writes the log lines that wait for a user's name.
  package func flushLog() { callers.flush() }

  /// Answers through `server` from now on; requests that wait at the former one are forgotten, since its connections are about to
  /// end.
  package func serve(on server: any ResponseSink) {
    self.server = server
    long.forgetAll()
    waiting.forgetAll()
    refreshWaiters.forgetAll()
    uriQuestions = []
    bundles.forgetWaiting()
    subscribers.forgetAll()
  }

  /// The daemon ends: waiting requests are answered, and their clients can ask the next process.
  package func endWaiting() {
    let problem = Problem(
      .stopping, detail: "the daemon is stopping or restarting; ask again in a moment", retryAfter: .seconds(1))
    let tokens =
      waiting.takeAll().map(\.token) + refreshWaiters.takeAll().map(\.token) + bundles.takeWaiting() + uriQuestions
    uriQuestions = []
    for token in tokens { server?.complete(token, Answer.problem(problem)) }
    for service in loopback { service.endWaiting(Answer.problem(problem)) }
  }

  package func isPrivileged(_ peer: Peer) -> Bool { access.isAdmin(peer) }

  package func refused(_ peer: Peer, _ reason: ServerStatistics.Refusal) {
    if reason == .connections, shortage.note(at: scheduler.time) { connectionsRanOut() }
    refusalLog.note(.connection(reason), uid: peer.uid, pid: peer.pid)
  }

  package func acceptFlood(by uid: UInt32, _ pid: Int32) { refusalLog.note(.acceptFlood, uid: uid, pid: pid) }

  package func abandoned(_ token: ResponseToken) {
    long.forget(token)
    waiting.forget(token)
    refreshWaiters.forget(token)
    uriQuestions.remove(token)
    bundles.abandoned(token)
    subscribers.forget(token)
  }

  package func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response? {
    if request.hasClientCertificate || access.isProxy(peer) {
      return bundles.respond(to: request, from: peer, token: token)
    }
    // The note means that this peer may read the role, which holds until notes are invalidated.
    if let note = request.note, let role = refresher.role(noted: note) {
      return credentials(of: role, for: request, from: peer, token: token)
    }
    guard let route = Route(request) else { return Self.unknownPath() }
    switch route {
    case .role, .credentials, .uri, .roleHealth, .report, .refresh:
      return respond(to: request, about: route, from: peer, token: token)
    case .roles: return get(request) ?? listRoles(for: peer, token)
    case .bundle:
      return get(request, taking: ["wait"])
        ?? refuse(
          peer, .path(route.path), "bundles are for other hosts, whose requests come through 'fleet.trusted_proxy'")
    case .events: return get(request, taking: ["role", "scope"]) ?? subscribe(request, peer, token)
    case .status: return get(request) ?? forAdmins(peer, route.path) ?? statusReport(for: peer, token)
    case .reload:
      return post(request, taking: ["allow_removal"]) ?? forAdmins(peer, route.path) ?? reload(request, token)
    case .health: return get(request) ?? health(token)
    case .metrics: return get(request) ?? forAdmins(peer, route.path) ?? metrics(for: peer, token)
    }
  }

  /// Responds to the routes with a role's name.
  private func respond(
    to request: borrowing RequestHead, about route: Route, from peer: Peer, token: ResponseToken
  ) -> Response? {
    guard let name = request.withSegment(2, { RoleName($0) }), let role = refresher.roles[name] else {
      return unknownRole(request.segment(2), peer, token)
    }
    if route == .refresh {
      return post(request, taking: ["wait"]) ?? forAdmins(peer, "/v1/roles/\(role.name)/refresh")
        ?? refresh(role, request, token)
    }
    if let scope = request.query("scope") {
      return respond(to: request, about: route, of: role, scope: scope, from: peer, token: token)
    }
    guard mayRead(peer, token, role) else { return refuse(peer, token, role) }
    switch route {
    case .credentials:
      if let problem = get(request, taking: CredentialQuery.parameters) { return problem }
      server?.note(refresher.note(of: role), for: token)
      return credentials(of: role, for: request, from: peer, token: token)
    case .uri: return get(request) ?? uri(of: role, for: peer, token)
    case .roleHealth: return get(request) ?? health(of: role, for: peer)
    case .report:
      return post(request, taking: Self.reportParameters) ?? report(on: role, for: request, from: peer, token: token)
    default: return get(request) ?? Answer.document(status(of: role, for: peer))
    }
  }

  /// Responds to the routes that take a scope.
  private func respond(
    to request: borrowing RequestHead, about route: Route, of role: ManagedRole, scope text: String, from peer: Peer,
    token: ResponseToken
  ) -> Response? {
    guard let scope = RoleName(text), role.settings.derivation.scope(scope) != nil else {
      guard mayRead(peer, token, role) || !readableScopes(of: role, for: peer, token).isEmpty else {
        return refuse(peer, token, role)
      }
      return unknownScope(text, of: role, peer, token)
    }
    guard mayRead(peer, token, role, scope: scope) else { return refuse(peer, token, role, scope: scope) }
    switch route {
    case .credentials:
      return get(request, taking: CredentialQuery.parameters)
        ?? credentials(of: role, scope: scope, for: request, from: peer, token: token)
    case .report:
      return post(request, taking: Self.reportParameters)
        ?? report(on: role, scope: scope, for: request, from: peer, token: token)
    case .uri: return get(request, taking: ["scope"]) ?? uri(of: role, scope: scope, for: peer, token)
    case .role: return get(request, taking: ["scope"]) ?? Answer.document(scopeStatus(scope, of: role, uid: peer.uid))
    default: return get(request) ?? Self.unknownPath()
    }
  }

  private static let reportParameters: [StaticString] = ["access_key_id", "scope"]

  // MARK: - Small answers

  /// The role's status, with its scopes as `peer` has them; nil for those that all readers share.
  func status(of role: ManagedRole, for peer: Peer?) -> RoleStatus {
    var status = backend.status(of: role, at: scheduler.time)
    addDerived(to: &status, of: role, uid: peer?.uid)
    return status
  }

  /// The health of one role as in `/healthz`, with the reasons instead of their number. Reasons about the settings may name other
  /// roles, and are for administrators.
  private func health(of role: ManagedRole, for peer: Peer) -> Response {
    var health = backend.health(of: role)
    if !isPrivileged(peer) {
      health = Health(
        health.reasons.map { reason in
          switch reason.kind {
          case .settings: .settings()
          case .incompleteSettings: .incompleteSettings()
          default: reason
          }
        })
    }
    let reasons = health.reasons.map(\.detail).joined(separator: "; ")
    guard health.status == .failing else {
      var answer = HealthAnswer(health, roles: 1)
      answer.detail = reasons.isEmpty ? nil : reasons
      return Answer.document(answer)
    }
    let failure = role.machine.lastFailure
    return Answer.problem(
      Problem(.noSession, detail: reasons, code: failure?.code, requestID: failure?.requestID))
  }

  private func reload(_ request: borrowing RequestHead, _ token: ResponseToken) -> Response? {
    let allowsRemoval: Bool
    switch request.query("allow_removal") {
    case nil, "0": allowsRemoval = false
    case "1": allowsRemoval = true
    default:
      return Answer.problem(
        Problem(.malformed, detail: "\(RefusedValue("allow_removal", of: request, "write 0 or 1: ?allow_removal=1"))"))
    }
    let path = backend.socketPath
    // Answered through the old server: the new settings may have replaced it.
    backend.reload(allowingRemoval: allowsRemoval) { [weak server, unowned backend] result in
      let moved = backend.socketPath == path ? nil : backend.socketPath
      server?.complete(token, Self.answer(to: result, movedTo: moved))
    }
    return nil
  }

  private static func answer(to result: ReloadResult, movedTo path: String?) -> Response {
    switch result {
    case .done(let warnings): Answer.document(ReloadOutcome(movedTo: path, warnings: warnings))
    case .refused(let diagnostics):
      Answer.problem(
        Problem(
          .settingsRefused,
          detail: "the old settings stay in force; fix what is listed under 'errors' and reload again",
          errors: diagnostics))
    }
  }

  // MARK: - Access

  func mayRead(_ peer: Peer, _ token: ResponseToken, _ role: ManagedRole) -> Bool {
    mayRead(peer, of: unit(of: token), role)
  }

  /// The unit that counts for a request; nil for none, and where no role names units.
  func unit(of token: ResponseToken) -> UnitName? {
    refresher.rolesNamingUnits > 0 ? server?.process(of: token)?.unit : nil
  }

  func mayRead(_ peer: Peer, of unit: @autoclosure () -> UnitName?, _ role: ManagedRole) -> Bool {
    access.mayRead(peer, of: unit(), role: role.settings.readers)
  }

  func forAdmins(_ peer: Peer, _ path: @autoclosure () -> String) -> Response? {
    if isPrivileged(peer) { return nil }
    return refuse(
      peer, .path(path()),
      "this is for administrators; run it with sudo, or name \(callers.shown(peer.uid)) in 'access.admin_users' and reload"
    )
  }

  func refuse(_ peer: Peer, _ token: ResponseToken, _ role: ManagedRole, scope: RoleName? = nil) -> Response {
    let process = server?.process(of: token)
    let groups = ([peer.gid] + peer.groups.filter { $0 != peer.gid }).sorted()
    let listed = groups.prefix(Self.mostGroups).map { "\($0)" } + (groups.count > Self.mostGroups ? ["…"] : [])
    let unit = process?.unit.map { "unit \($0)" } ?? (process == nil ? "a unit that can't be seen" : "no system unit")
    let who = "\(callers.shown(peer.uid)), groups \(listed.joined(separator: " ")), in \(unit)"
    let (subject, key) =
      scope.map { ("scope '\($0)' of role '\(role.name)'", "roles.\(role.name).scopes.\($0).allow") }
      ?? ("role '\(role.name)'", "roles.\(role.name).allow")
    return refuse(
      peer, .role(role.name),
      "\(subject) isn't open to \(who); \(Self.instead(readableScopes(of: role, for: peer, token)))\(Self.remedy(for: role, in: process?.unit)) in '\(key)' and reload; a group joined since the last login counts from the next one",
      .connected(process))
  }

  /// The scopes that are open to a refused user, in front of the remedy: they may be all that it needs, and the remedy gives it more.
  static func instead(_ scopes: [RoleName]) -> String {
    if scopes.isEmpty { return "" }
    let options = scopes.prefix(3).map { "'--scope \($0)'" }.joined(separator: " or ")
    return "use \(options), which \(scopes.count == 1 ? "is" : "are") open to that user; otherwise "
  }

  /// For a role open to units only that comes first: naming the user would open it to all of that user's programs.
  private static func remedy(for role: ManagedRole, in unit: UnitName?) -> String {
    let readers = role.settings.readers
    let others = unit == nil ? "that user or one of its groups" : "that user, one of its groups or that unit"
    guard !readers.units.isEmpty, readers.uids.isEmpty, readers.gids.isEmpty else { return "name \(others)" }
    return "it is open to units only: run the program in one of them, or name \(unit == nil ? others : "that unit")"
  }

  /// How many of a refused caller's groups are listed.
  private static let mostGroups = 16

  package func didPublish(_ role: ManagedRole) {
    send(.rotated, of: role)
    bundles.published(role)
    answerWaitingReaders(of: role)
  }

  package func didReserve(_ role: ManagedRole) { answerWaitingReaders(of: role) }

  package func didAttempt(_ role: ManagedRole) {
    answerWaitingReaders(of: role)
    bundles.attempted(role)
    if !role.isDerived { refreshEnded(of: role) }
  }

  package func didReport(_ report: RefreshReport, of role: ManagedRole) {
    switch report {
    case .reserved: reservations[.fetched, default: 0] += 1
    case .reservationFailed: reservations[.failed, default: 0] += 1
    case .condemned(let session, _): bundles.condemned(session, of: role)
    default: break
    }
    if let kind = report.eventKind { send(kind, of: role) }
  }

  /// When the role's next attempt is, of this process or the next.
  func nextAttempt(of role: ManagedRole) -> Timestamp {
    min(role.machine.nextAttempt, restart() ?? role.machine.nextAttempt)
  }

  func refuse(
    _ peer: Peer, _ object: RefusalLog.Object, _ why: String, _ process: CallerLog.Process = .numbered
  ) -> Response {
    noteRefusal(object, peer, process)
    return Answer.problem(Problem(.forbidden, detail: why))
  }

  /// Counts and logs a refusal.
  func noteRefusal(_ object: RefusalLog.Object, _ peer: Peer, _ process: CallerLog.Process = .numbered) {
    refusals += 1
    refusalLog.note(object, uid: peer.uid, pid: peer.pid, process: process)
  }

  /// Counts and logs a refusal at a loopback address; `uid` is that of `Peer.unidentified` where the caller isn't known.
  func noteLoopbackRefusal(_ object: RefusalLog.Loopback, uid: UInt32) {
    loopbackFigures.note(object)
    refusalLog.note(.loopback(object), uid: uid, pid: nil)
  }

  func unknownRole(_ name: String, _ peer: Peer, _ token: ResponseToken) -> Response {
    var problem = Problem(.notFound, detail: "", suggestion: nearestRole(to: name, peer, token))
    problem.detail =
      "there is no role '\(RefusedValue.shown(name))'; \(problem.didYouMean)GET /v1/roles lists those that you may read"
    return Answer.problem(problem)
  }

  /// The most similar role name that `peer` may read; no other is ever named, however similar.
  private func nearestRole(to name: String, _ peer: Peer, _ token: ResponseToken) -> String? {
    let unit = unit(of: token)
    // A limit, so that a misspelled name doesn't block the loop for long.
    let roles = refresher.rolesInOrder.prefix(500).filter { mayRead(peer, of: unit, $0) }
    return Spelling.nearest(to: String(name.prefix(64)), among: roles.map { "\($0.name)" })
  }

  private static func unknownPath() -> Response {
    let paths = Route.allCases.map(\.path)
    return Answer.problem(
      Problem(
        .notFound, detail: "paths are \(paths.dropLast().joined(separator: ", ")) and \(paths.last ?? "")"))
  }
}
