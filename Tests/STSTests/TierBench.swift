@testable import CloudAPI
import Core
@testable import Identities
import Logs
import Refresh
import RefreshBench
import Secrets
import Settings
import TestSupport
import Testing

@testable import STS

/// A tier whose answers a test gives by hand: one request at a time.
final class FakeTier: TierConnection {
  final class Exchange {
    let query: TierQuery
    let url: String
    let sent: Timestamp
    let completion: (TierReply) -> Void

    init(_ query: TierQuery, _ url: String, _ sent: Timestamp, _ completion: @escaping (TierReply) -> Void) {
      (self.query, self.url, self.sent, self.completion) = (query, url, sent, completion)
    }
  }

  private let scheduler: VirtualScheduler
  private(set) var asked: [String] = []
  private weak var latest: Exchange?

  init(_ scheduler: VirtualScheduler) { self.scheduler = scheduler }

  /// What is under way, as `asked` has it; nil if nothing is, or if it was cancelled.
  var pending: String? { latest.map { Self.text($0.query, $0.url) } }

  func ask(_ query: TierQuery, at url: String, _ completion: @escaping (TierReply) -> Void) -> AnyObject {
    let exchange = Exchange(query, url, scheduler.time, completion)
    asked.append(Self.text(query, url))
    latest = exchange
    return exchange
  }

  private static func text(_ query: TierQuery, _ url: String) -> String {
    let host = url.dropFirst("https://".count)
    return switch query {
    case .bundle(let etag, let wait): "\(host)\(etag.map { " \($0)" } ?? "")\(wait.map { " wait \($0.text)" } ?? "")"
    case .report(let role, let id): "\(host) report \(role) \(id)"
    }
  }

  func answer(_ answer: TierAnswer, date: UTCTime?) {
    guard let exchange = latest else {
      Issue.record("nothing is asked")
      return
    }
    latest = nil
    exchange.completion(TierReply(answer, sent: exchange.sent, date: date))
  }
}

/// Roles of a tier on manual time, with everything between the tier's answers and the readers.
final class TierBench {
  let scheduler = VirtualScheduler(wallSeconds: Bench.wall)
  let tier: FakeTier
  let cloud = FakeIssuer()
  let journal = LogRecorder()
  let refresher: Refresher
  private(set) var source: UpstreamSource!
  private let machines: Int
  private let observer = ClosureObserver()
  private var issuer: TierIssuer!

  private final class Nobody: IdentityService {
    func ask(_ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void) -> AnyObject { self }
  }

  static let timing = RoleTiming(
    duration: .hours(12), pool: 1, refreshAfter: .minutes(10), floor: .minutes(5), surviveOutage: .minutes(10))

  init(machines: Int = 1, fallback: Bool = false) throws {
    tier = FakeTier(scheduler)
    self.machines = machines
    refresher = try Refresher(
      scheduler: scheduler,
      queue: FetchQueue(rate: fallback ? 100 : 0.1, burst: fallback ? 100 : 1, at: scheduler.time),
      clock: ServerClock(wallMicroseconds: Bench.wall * 1_000_000, at: scheduler.time), attemptLimit: .seconds(60),
      log: journal.log)
    source = try makeSource(fallback)
    issuer = TierIssuer(
      sts: cloud, tiers: ["tier": source], hostName: "host", scheduler: scheduler, log: journal.log
    ) { [unowned self] name in
      guard let machine = refresher.roles[name]?.machine, let latest = machine.latest else { return nil }
      return (latest, machine.headroom(at: scheduler.time))
    }
    refresher.issuer = issuer
    refresher.checker = cloud
    refresher.isAwaited = { [unowned self] _ in source.isAwaited }
    refresher.setObservers([observer])
    source.answered = { [unowned self] in
      refresher.tierAnswered("tier") { [unowned self] role in
        source.hasNews(for: role.name, holding: role.machine.latest)
      }
    }
    source.failedFirst = { [unowned self] in refresher.tierFailedFirst("tier") }
    source.settled = { [unowned self] in refresher.releaseHeld(of: "tier") }
    observer.reported = { [unowned self] role, report in
      if case .condemned(let session, _) = report { source.condemn(session.accessKeyID, of: role.name) }
    }
    source.takeOver(asking: Nobody())
  }

  private func makeSource(_ fallback: Bool) throws -> UpstreamSource {
    let upstream = UpstreamSettings(
      urls: (1...machines).map { "https://tier\($0)" }, caFile: nil, certificate: "/c", key: "/k",
      fallback: fallback ? UpstreamSettings.Fallback(source: "main", requestsPerSecond: 0.2) : nil)
    return try UpstreamSource(
      SourceSettings(name: "tier", kind: .upstream(upstream)), upstream, by: tier, scheduler: scheduler,
      log: journal.log, serverTime: { [unowned self] in serverNow }
    ) { [unowned self] in
      refresher.rolesInOrder.map {
        UpstreamSource.Dependent($0.name, $0.settings.timing, headroom: $0.machine.headroom(at: scheduler.time))
      }
    }
  }

  /// A source with other settings of the same name, as after a reload.
  func successor() throws -> UpstreamSource {
    let new = try makeSource(false)
    new.inherit(from: source)
    return new
  }

  /// A session of a process before this one, that lives `life` more.
  func resume(_ name: String, id: String = "a", life: Int64, fallback: Bool = false) throws -> ManagedRole {
    let role = try #require(RoleName(name))
    let now = scheduler.time
    let end = UTCTime(seconds: serverNow.seconds + life)
    let old = HandoverSession(
      role: role, number: 4, isReserved: false, accessKeyID: "STS.\(id)",
      accessKeySecret: Secret(copying: Array("s".utf8).span), securityToken: Secret(copying: Array("t".utf8).span),
      expiration: end, issued: UTCTime(seconds: end.seconds - 3600), sent: now, asked: .seconds(life),
      expires: now + .seconds(life))
    refresher.add([
      (
        Self.settings(name, fallback: fallback), 0,
        ResumedRole(
          generation: 7, isGenerationExact: true, issued: 3, sessions: [old], published: 4, isRequestChanged: false)
      )
    ])
    scheduler.settle()
    return try #require(refresher.roles[role])
  }

  deinit {
    observer.forget()
    cloud.dropPending()
  }

  var serverNow: UTCTime { refresher.clock.dateForSigning(at: scheduler.time) }

  static func settings(_ name: String, fallback: Bool = false, timing: RoleTiming = timing) -> RoleSettings {
    var timing = timing
    timing.isOfTier = true
    var role = Bench.role(name, timing: timing, source: "tier")
    role.tier = TierRole(fallback: fallback ? .init(source: "main", duration: .hours(1)) : nil)
    return role
  }

  @discardableResult
  func add(_ name: String, fallback: Bool = false, timing: RoleTiming = timing) -> ManagedRole {
    refresher.add(Self.settings(name, fallback: fallback, timing: timing))
    scheduler.settle()
    return refresher.roles[RoleName(name)!]!
  }

  func session(_ id: String, life: Int64, shortest: Duration? = nil) -> Bundle.Entry {
    let now = serverNow.seconds
    return .session(
      Bundle.Session(
        assumed: AssumedSession(
          accessKeyID: "STS.\(id)", accessKeySecret: Secret(copying: Array("secret-\(id)".utf8).span),
          securityToken: Secret(copying: Array("token-\(id)".utf8).span), expiration: UTCTime(seconds: now + life),
          requestID: nil), issued: UTCTime(seconds: now + life - 3600), generation: 1, shortestLife: shortest))
  }

  /// Hands out a bundle, whose ETag names all sessions in it.
  func give(
    _ roles: [String: Bundle.Entry], by machine: String = "tier1", refresh: Duration = .seconds(600),
    ahead: Int64 = 0
  ) {
    let etag = roles.sorted { $0.key < $1.key }.map { _, entry in
      if case .session(let session) = entry { session.assumed.accessKeyID } else { "none" }
    }.joined(separator: "+")
    let bundle = Bundle(
      host: "web7", tier: machine, refreshAfter: refresh,
      roles: Dictionary(uniqueKeysWithValues: roles.map { (RoleName($0.key)!, $0.value) }))
    tier.answer(.bundle(bundle, etag: "\"\(etag)\""), date: UTCTime(seconds: serverNow.seconds + ahead))
    scheduler.settle()
  }

  func confirm() {
    tier.answer(.unchanged(refreshAfter: nil), date: serverNow)
    scheduler.settle()
  }

  func fail(_ kind: Failure.Kind = .transient, code: String = "Connect", status: Int? = nil) {
    tier.answer(.failed(Failure(kind, code: code, httpStatus: status, advice: "look")), date: nil)
    scheduler.settle()
  }

  func advance(_ span: Duration) { scheduler.advance(by: span) }

  func logged(_ phrase: String) -> [String] { journal.all.filter { $0.contains(phrase) } }
}

extension ManagedRole {
  var accessKeyID: String? { current?.session.accessKeyID }
}
