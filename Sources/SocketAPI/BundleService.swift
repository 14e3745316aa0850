import Core
import Fleet
import HTTPServer
import Logs
import Refresh
import Secrets
import Settings
import Systemd
import Wire

/// Other hosts, whose requests come through the trusted proxy: each is judged by its certificate, and gets all its roles in one document.
final class BundleService {
  /// Hosts that get the same bundle: they have the same roles, and of those that are divided the same shards.
  private struct Audience: Hashable {
    let roles: HostRoles
    let shards: [Int]

    static func == (left: Self, right: Self) -> Bool { left.roles === right.roles && left.shards == right.shards }

    func hash(into hasher: inout Hasher) {
      hasher.combine(ObjectIdentifier(roles))
      hasher.combine(shards)
    }
  }

  /// How many requests of one host may wait. An honest one has one, and after a network's failure a few that it gave up; each takes one of the
  /// connections that all hosts share.
  static let mostWaits = 8
  /// How many bytes of bundles are kept.
  private static let mostBytes = 8 << 20

  private unowned let api: SocketService
  private let identities: HostIdentities
  private var bundles: [Audience: HostBundle] = [:]
  private var bytes = 0
  private var waiting: WaitingBundles!
  private(set) var figures = FleetFigures()
  /// The name of this machine in bundles.
  var tier = "tier" { didSet { beginning = BundleBeginning(tier: tier) } }
  private var beginning = BundleBeginning(tier: "tier")

  init(_ api: SocketService) throws {
    self.api = api
    identities = HostIdentities { [unowned api] in
      api.refresher.rolesInOrder.map { (role: $0.name, hosts: $0.settings.readers.hosts) }.filter { !$0.hosts.isEmpty }
    }
    waiting = try WaitingBundles(scheduler: api.scheduler) { [unowned self] in waitIsOver($0) }
  }

  /// A bundle and its record refer to each other.
  deinit { dropAll() }

  // MARK: - Requests

  /// Responds to a request with a client certificate, or of the proxy.
  func respond(to request: borrowing RequestHead, from peer: Peer, token: ResponseToken) -> Response? {
    guard api.access.isProxy(peer) else {
      figures.count(.notProxy)
      return api.refuse(
        peer, .host(.request("client certificate from another user than trusted_proxy")),
        "the header Rolekeeper-Client-Certificate counts only from the user in 'fleet.trusted_proxy', and \(api.callers.shown(peer.uid)) isn't that; leave the header out"
      )
    }
    let now = api.scheduler.time
    figures.proxySeen = now
    guard request.hasClientCertificate else {
      figures.count(.noCertificate)
      return api.refuse(
        peer, .host(.request("request of trusted_proxy without a client certificate")),
        "\(api.callers.shown(peer.uid)) passes requests of other hosts on, and this one has no Rolekeeper-Client-Certificate; ask as another user"
      )
    }
    let host: RemoteHost
    do throws(CertificateProblem) {
      host = try request.withClientCertificate { (text) throws(CertificateProblem) in try identities.host(of: text) }
    } catch {
      figures.count(.certificate)
      return api.refuse(peer, .host(.request("\(error)")), "\(error)")
    }
    identities.note(host, at: now)
    switch Route(request) {
    case .bundle: return api.get(request, taking: ["wait"]) ?? bundle(for: host, request, peer, token)
    case .report: return api.post(request, taking: ["access_key_id"]) ?? report(by: host, request, peer, token)
    case .health: return api.get(request) ?? api.health(token)
    default:
      let paths = [Route.bundle, .report, .health].map(\.path)
      return Answer.problem(
        Problem(.notFound, detail: "paths for other hosts are \(paths.joined(separator: ", "))"))
    }
  }

  private func bundle(
    for host: RemoteHost, _ request: borrowing RequestHead, _ peer: Peer, _ token: ResponseToken
  ) -> Response? {
    let wait: Duration
    do throws(RefusedValue) {
      let most = Int(RequestWait.longest.wholeSeconds)
      wait = .seconds(try RefusedValue.seconds("wait", of: request, atMost: most) ?? 0)
    } catch {
      return Answer.problem(Problem(.malformed, detail: "\(error)"))
    }
    guard !host.roles.names.isEmpty else { return refuse(host, peer) }
    let bundle = bundle(of: host)
    let hasBundle = bundle.hasSession && request.hasAnswer(bundle.tag)
    // The first request of a shard causes its fetches, and gets what comes of them.
    let isBeingFetched = bundle.pending.contains { $0.shard != nil }
    guard isBeingFetched || wait > .zero && (hasBundle || !bundle.hasSession) else {
      return answer(bundle, to: host, hasBundle: hasBundle, isHeadOnly: request.method == .head, peer)
    }
    // A HEAD doesn't wait: it is about the answer's head as it is now.
    guard request.method == .get else { return answer(bundle, to: host, hasBundle: hasBundle, isHeadOnly: true, peer) }
    guard host.waits < Self.mostWaits else {
      api.noteRefusal(.host(.waits(host.name)), peer)
      return answer(bundle, to: host, hasBundle: hasBundle, isHeadOnly: false, peer)
    }
    host.waits += 1
    for key in bundle.missing {
      if let role = api.refresher.roles[key.role] { api.refresher.readersWait(for: role) }
    }
    waiting.add(
      WaitingBundles.Waiter(host: host, peer: peer, token: token, tag: hasBundle ? bundle.tag : nil), with: bundle,
      until: api.scheduler.time + (isBeingFetched ? max(wait, RequestWait.ofNewShard) : wait))
    return nil
  }

  private func report(
    by host: RemoteHost, _ request: borrowing RequestHead, _ peer: Peer, _ token: ResponseToken
  ) -> Response? {
    // The same answer for a role that isn't there: a host learns nothing of others' roles.
    let name = request.withSegment(2) { RoleName($0) }
    guard let name, host.roles.names.contains(name), let role = api.refresher.roles[name] else {
      return refuse(host, peer, role: name, shown: RefusedValue.shown(request.segment(2)))
    }
    let shard = role.derived(role.settings.sessionKey(ofHost: host.hash))
    return api.report(among: [role] + (shard.map { [$0] } ?? []), of: "role '\(name)'", for: request, token: token)
  }

  private func refuse(_ host: RemoteHost, _ peer: Peer, role: RoleName? = nil, shown: String? = nil) -> Response {
    figures.count(.noRole)
    let subject = shown.map { "role '\($0)' isn't open" } ?? "no role is open"
    return api.refuse(
      peer, .host(.name(host.name, role)),
      "\(subject) to host '\(host.name)'; name it in 'hosts' of the 'allow' of \(shown == nil ? "a" : "that") role on the tier, and reload there"
    )
  }

  // MARK: - Answers

  private func bundle(of host: RemoteHost) -> HostBundle {
    let now = api.scheduler.time
    if let known = (host.note as? BundleRecord)?.bundle, known.missing.isEmpty, now < known.end {
      for session in known.derived { api.refresher.noteUse(of: session, at: now) }
      return known
    }
    let audience = audience(of: host)
    let shards = acquireShards(of: host, at: now)
    if let known = bundles[audience], now < known.end { return known }
    let sessions = host.roles.names.map { name in
      let role = api.refresher.roles[name]
      let key = role?.settings.sessionKey(ofHost: host.hash) ?? SessionKey(role: name)
      return (key: key, role: key.shard == nil ? role : shards[name])
    }
    let made = HostBundle(sessions, of: api, at: now)
    drop(audience)
    if bytes + made.body.count > Self.mostBytes { dropAll() }
    bytes += made.body.count
    bundles[audience] = made
    made.record.bundle = made
    return made
  }

  private func audience(of host: RemoteHost) -> Audience {
    let sharded = sharded(of: host.roles)
    if sharded.isEmpty { return Audience(roles: host.roles, shards: []) }
    return Audience(
      roles: host.roles,
      shards: sharded.map { place in
        api.refresher.roles[host.roles.names[place]]?.settings.sessionKey(ofHost: host.hash).shard ?? 0
      })
  }

  private func sharded(of roles: HostRoles) -> [Int] {
    if let known = roles.sharded { return known }
    let found = roles.names.indices.filter { place in
      api.refresher.roles[roles.names[place]]?.settings.derivation.settings?.shards != nil
    }
    roles.sharded = found
    return found
  }

  /// The host's sessions of divided roles, by the roles' names; they are used from now on, and fetched if they aren't there.
  private func acquireShards(of host: RemoteHost, at now: Timestamp) -> [RoleName: ManagedRole] {
    var sessions: [RoleName: ManagedRole] = [:]
    for place in sharded(of: host.roles) {
      guard let role = api.refresher.roles[host.roles.names[place]] else { continue }
      let key = role.settings.sessionKey(ofHost: host.hash)
      if let session = role.derived(key) {
        api.refresher.noteUse(of: session, at: now)
        sessions[role.name] = session
      } else if case .session(let session)? = api.refresher.acquire(key, of: role, for: nil) {
        sessions[role.name] = session
      }
    }
    return sessions
  }

  private func answer(_ bundle: HostBundle, to host: RemoteHost, hasBundle: Bool, isHeadOnly: Bool, _ peer: Peer)
    -> Response
  {
    let refresh = RoleTiming.refresh(bundle.refresh, ofHost: host.hash)
    guard bundle.hasSession else {
      figures.count(.noSession)
      return Answer.problem(
        Problem(
          .noSession,
          detail:
            "none of the roles of host '\(host.name)' has a valid session on this tier\(bundle.firstProblem.map { "; \($0)" } ?? "")",
          retryAfter: bundle.retryAfter))
    }
    figures.count(hasBundle ? .unchanged : .bundle)
    if hasBundle {
      return Response(
        head: Answer.notModified(
          "ETag: \(bundle.tag)\r\nRolekeeper-Refresh-After: \(refresh.wholeSeconds)\r\n"))
    }
    let beginning = PlainBytes(beginning.text(host: host.name, refreshAfter: refresh))
    if !isHeadOnly { noteHandout(bundle, to: host, peer) }
    return Response(
      head: bundle.head(beginning: beginning.count, refreshAfter: refresh), body: beginning, rest: [bundle.body])
  }

  private func noteHandout(_ bundle: HostBundle, to host: RemoteHost, _ peer: Peer) {
    let record = bundle.record
    for role in bundle.roles { role.handouts.count(uid: peer.uid) }
    if host.note === record { return }
    let before = host.note as? BundleRecord
    host.note = record
    guard api.log.takes(.handedOut) else { return }
    for line in record.lines where before?.holds(line.accessKeyID) != true {
      api.log.write(
        .handedOut,
        [
          .role(line.key.role), .generation(line.generation), .accessKeyID(line.accessKeyID), .via(.bundle),
          .host(host.name),
        ] + (line.key.shard.map { [.shard($0)] } ?? []))
    }
  }

  // MARK: - Waits

  private func waitIsOver(_ waiter: WaitingBundles.Waiter) {
    waiter.host.waits -= 1
    // After a reload its certificate has to be judged again, with its next request.
    let response =
      identities.isCurrent(waiter.host) ? answer(to: waiter) : Self.askAgain(hasBundle: waiter.tag != nil)
    api.server?.complete(waiter.token, response)
  }

  private func answer(to waiter: WaitingBundles.Waiter) -> Response {
    let bundle = bundle(of: waiter.host)
    return answer(
      bundle, to: waiter.host, hasBundle: bundle.hasSession && waiter.tag == bundle.tag, isHeadOnly: false, waiter.peer)
  }

  /// To a host whose rights may have changed while it waited.
  private static func askAgain(hasBundle: Bool) -> Response {
    if hasBundle { return Response(head: Answer.notModified("")) }
    return Answer.problem(
      Problem(.noSession, detail: "the settings of this tier have changed; ask again", retryAfter: .seconds(1)))
  }

  func abandoned(_ token: ResponseToken) { waiting.forget(token)?.host.waits -= 1 }
  func forgetWaiting() { _ = takeWaiting() }

  /// Those that wait, who are answered elsewhere from now on.
  func takeWaiting() -> [ResponseToken] {
    waiting.takeAll().map { waiter in
      waiter.host.waits -= 1
      return waiter.token
    }
  }

  /// How many hosts wait.
  var waitingHosts: Int { waiting.count }

  /// How many asked of late.
  var recentHosts: (served: Int, refused: Int) { identities.recentHosts(at: api.scheduler.time) }

  // MARK: - Changes

  /// The settings have changed: who may read what is judged again.
  func settingsChanged() {
    identities.forget()
    dropAll()
    waiting.endAll()
  }

  /// Readers of this session get another one, or none any more.
  func changed(_ role: ManagedRole) {
    let key = role.key
    drop { $0.keys.contains(key) }
  }

  func published(_ role: ManagedRole) {
    changed(role)
    waiting.published(role.key)
  }

  /// An attempt of the role, or of a shard, had an outcome.
  func attempted(_ role: ManagedRole) {
    let key = role.key
    drop { $0.pending.contains(key) }
    waiting.attempted(key)
  }

  func withdrawn(_ role: ManagedRole) {
    changed(role)
    waiting.lost(role.key)
  }

  func condemned(_ session: Session, of role: ManagedRole) {
    waiting.condemned(
      session.accessKeyID, of: role.key, isReplaced: role.serving(at: api.scheduler.time) != nil)
  }

  private func drop(where isStale: (HostBundle) -> Bool) {
    for (audience, bundle) in bundles where isStale(bundle) { drop(audience) }
  }

  private func drop(_ audience: Audience) {
    guard let bundle = bundles.removeValue(forKey: audience) else { return }
    bytes -= bundle.body.count
    bundle.record.bundle = nil
  }

  private func dropAll() {
    for bundle in bundles.values { bundle.record.bundle = nil }
    bundles = [:]
    bytes = 0
  }
}
