import Core
import LocalSockets
import Logs
import Refresh
import RefreshBench
import Settings
import TestSupport
import Wire

@testable import HTTPServer
@testable import SocketAPI

/// The socket's API with manual time: callers are records, the test answers for STS, and nothing of the host is read.
final class SocketBench {
  /// May read the roles; its name is in local files.
  static let reader = Peer(uid: 1000, gid: 1000, pid: 71, groups: [])
  /// May read the roles, too; has no name.
  static let other = Peer(uid: 1001, gid: 1001, pid: 72, groups: [])
  /// May read nothing; only a name service knows the user.
  static let stranger = Peer(uid: 2000, gid: 2000, pid: 73, groups: [])
  static let admin = Peer(uid: 50, gid: 50, pid: 74, groups: [])

  static let readers = AccessRule(uids: [1000, 1001])
  static let access = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [50]))

  let refresh: Bench
  let backend: FakeBackend
  let sink = RecordingSink()
  let lines = LogRecorder()
  let service: SocketService
  private var serial: UInt64 = 0

  var scheduler: VirtualScheduler { refresh.scheduler }
  var refresher: Refresher { refresh.refresher }
  var cloud: FakeIssuer { refresh.cloud }

  init(rate: Double = 100, burst: Int = 100) throws {
    refresh = try Bench(rate: rate, burst: burst)
    backend = FakeBackend(refresh.refresher)
    let log = lines.log
    let names = try UserNames(
      scheduler: refresh.scheduler,
      sources: UserNames.Sources(
        local: { [1000: "anna", 50: "root2"][$0] }, remote: { $0 == 2000 ? "mallory" : nil }))
    service = try SocketService(
      scheduler: refresh.scheduler, backend: backend, refresher: refresh.refresher, access: Self.access, log: log,
      callers: CallerLog(log: log, names: names, program: { pid, _ in pid == 71 ? "/usr/bin/curl" : nil }))
    refresh.refresher.setObservers([service])
    service.serve(on: sink)
  }

  static func settings(_ name: String, timing: RoleTiming = RoleTiming(maxDuration: .hours(12))) -> RoleSettings {
    var settings = Bench.role(name, timing: timing)
    settings.readers = readers
    return settings
  }

  /// A role with its first session, unless it is to have none.
  @discardableResult
  func add(
    _ name: String, timing: RoleTiming = RoleTiming(maxDuration: .hours(12)), granted isGranted: Bool = true
  ) -> ManagedRole {
    let settings = Self.settings(name, timing: timing)
    refresher.add(settings)
    if isGranted { refresh.grantAll() }
    return refresher.roles[settings.name]!
  }

  /// A role that also admits units.
  @discardableResult
  func add(_ name: String, for units: [String], andUIDs uids: Set<UInt32> = [1000]) -> ManagedRole {
    var settings = Self.settings(name)
    settings.readers = AccessRule(uids: uids, units: units.map { UnitPattern($0)! })
    refresher.add(settings)
    refresh.grantAll()
    return refresher.roles[settings.name]!
  }

  /// Lets processes be seen in units.
  func run(_ unit: String?, _ program: String = "encode", as peer: Peer = SocketBench.stranger) {
    sink.processes[peer.pid] = PeerProcess(unit: unit.flatMap { UnitName($0) }, program: program)
  }

  /// Removes a role, as a reload does with one that isn't in the settings any more.
  func remove(_ role: ManagedRole) {
    refresher.remove(role.name)
    service.roleGone(role.name)
    service.refreshRoleGone(role.name)
    service.settingsChanged()
  }

  /// Revokes the readers' rights, as a reload does.
  func close(_ role: ManagedRole) {
    var settings = role.settings
    settings.readers = AccessRule()
    change(role, to: settings)
  }

  /// Gives or takes the readers' rights, as a reload does.
  func change(_ role: ManagedRole, to settings: RoleSettings) {
    service.readersChanged(of: role.name)
    refresher.change(role, to: settings)
    service.settingsChanged()
  }

  func advance(_ span: Duration) { scheduler.advance(by: span) }

  /// Makes a request, which is answered at once or through the sink; `note` is the note of a repeated request, `fields` are more header
  /// lines, each with its end.
  @discardableResult
  func ask(_ request: String, _ peer: Peer = SocketBench.reader, note: Int? = nil, fields lines: String = "")
    -> Exchange
  {
    serial += 1
    let exchange = Exchange(ResponseToken(slot: 0, serial: serial), peer)
    sink.exchanges[exchange.token] = exchange
    var bytes = Array("\(request) HTTP/1.1\r\nHost: x\r\n\(lines)\r\n".utf8)
    let fields = Self.parse(&bytes)
    bytes.withUnsafeBufferPointer {
      if let response = service.respond(to: RequestHead(fields, $0, note: note), from: peer, token: exchange.token) {
        exchange.replies.append(Reply(response))
      }
    }
    return exchange
  }

  /// Reads a credential.
  @discardableResult
  func read(_ role: String, _ query: String = "", _ peer: Peer = SocketBench.reader) -> Exchange {
    ask("GET /v1/roles/\(role)/credentials\(query)", peer)
  }

  static func parse(_ bytes: inout [UInt8]) -> HeadFields {
    var span = bytes.mutableSpan
    guard let fields = try? HeadParser.parse(&span) else {
      preconditionFailure("a request that the server would refuse")
    }
    return fields
  }
}

/// A request and its replies.
final class Exchange {
  let token: ResponseToken
  let peer: Peer
  /// More than one would be a mistake.
  var replies: [Reply] = []
  var streamHead: String?
  /// The changes; the roles as they were when the stream began are in `snapshot`.
  var events: [RoleEvent] = []
  var snapshot: [RoleEvent] = []
  var heartbeats: [Heartbeat] = []
  /// How many bytes its reader is behind.
  var backlog = 0
  /// Nothing can be sent to it any more, which the server notices by sending.
  var isGone = false
  /// The daemon has ended the stream.
  var isFinished = false
  var sends = 0

  init(_ token: ResponseToken, _ peer: Peer = SocketBench.reader) { (self.token, self.peer) = (token, peer) }

  /// Takes a line of a stream.
  func take(_ line: [UInt8]) {
    switch EventLine(parsing: line.span) {
    case .role(let event) where event.kind == .snapshot: snapshot.append(event)
    case .role(let event): events.append(event)
    case .heartbeat: if let beat = try? Heartbeat(parsing: line.span) { heartbeats.append(beat) }
    case .unknown: break
    }
  }

  var isOpen: Bool { replies.isEmpty }
  var reply: Reply? { replies.count == 1 ? replies[0] : nil }
  var status: Int? { reply?.status }
  var problem: Problem? { reply?.document() }
  /// The kinds of its events, in order.
  var kinds: [RoleEvent.Kind] { events.map(\.kind) }
}

struct Reply {
  let head: String
  let body: String

  init(_ response: Response) {
    head = Self.text(response.head)
    body = Self.text(response.body) + response.rest.map(Self.text).joined()
  }

  var status: Int? { Int(head.split(separator: " ")[1]) }

  /// The value of a header line; nil if there is none.
  func field(_ name: String) -> String? {
    head.split(separator: "\r\n").first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
  }

  /// The session that it hands out; nil for none.
  var accessKeyID: String? {
    let parts = body.split(separator: "\"")
    return parts.firstIndex(of: "AccessKeyId").map { String(parts[$0 + 2]) }
  }

  func document<Document: WireDocument>() -> Document? { try? Document(parsing: Array(body.utf8).span) }

  static func text(_ bytes: (any ResponseBytes)?) -> String {
    var text = ""
    bytes?.withBytes { span in text = span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    return text
  }
}

/// A substitute for the server that records deferred answers.
final class RecordingSink: ResponseSink {
  /// The last note for a request.
  var latestNote: Int?
  var exchanges: [ResponseToken: Exchange] = [:]
  /// What /proc shows, by the processes' numbers, and how often it was looked at.
  var processes: [Int32: PeerProcess] = [:]
  private(set) var looks = 0
  /// How often a stream's backlog was looked at.
  private(set) var backlogLooks = 0
  /// The client's reaction to its answer.
  var answered: (Exchange) -> Void = { _ in }
  var takesStreams = true

  func complete(_ token: ResponseToken, _ response: Response) {
    guard let exchange = exchanges[token] else { return }
    exchange.replies.append(Reply(response))
    answered(exchange)
  }

  func process(of token: ResponseToken) -> PeerProcess? {
    looks += 1
    return exchanges[token].flatMap { processes[$0.peer.pid] }
  }

  func note(_ note: Int, for token: ResponseToken) { latestNote = note }

  func beginStream(_ token: ResponseToken, head: any ResponseBytes) -> Bool {
    exchanges[token]?.streamHead = Reply.text(head)
    return takesStreams
  }

  func send(_ token: ResponseToken, _ bytes: any ResponseBytes) -> Bool {
    guard let exchange = exchanges[token] else { return false }
    exchange.sends += 1
    if exchange.isGone { return false }
    for line in Reply.text(bytes).split(separator: "\n") { exchange.take(Array(line.utf8)) }
    return true
  }

  func finish(_ token: ResponseToken) { exchanges[token]?.isFinished = true }

  func backlog(of token: ResponseToken) -> Int {
    backlogLooks += 1
    return exchanges[token]?.backlog ?? 0
  }
}

/// A substitute for the daemon, controlled by the test.
final class FakeBackend: SocketBackend {
  private let refresher: Refresher
  var reloads: [(allowsRemoval: Bool, completion: (ReloadResult) -> Void)] = []
  var socketPath = "/run/rolekeeper/api.sock"
  var overall = Health([])
  var healthOfRole = Health([])
  /// Of every role.
  var source: RoleSource?
  /// How often a role's status, and the health of all, were put together.
  var statusCount = 0
  var healthCount = 0

  init(_ refresher: Refresher) { self.refresher = refresher }

  func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) {
    reloads.append((allowingRemoval, completion))
  }

  func statusReport(_ health: Health) -> StatusReport {
    StatusReport(
      version: "1", pid: 1, startedAt: nil, roles: [], sources: [], endpoints: [],
      rate: RateStatus(requestsPerSecond: 1, configured: 1, queued: 0), health: health)
  }

  func status(of role: ManagedRole, at now: Timestamp) -> RoleStatus {
    statusCount += 1
    var status = role.status(at: now, clock: refresher.clock)
    status.source = source
    return status
  }

  func sessionReason(of role: ManagedRole, at now: Timestamp) -> Health.Reason? { nil }
  func outputReasons(of role: ManagedRole) -> [Health.Reason] { [] }

  func generalReasons() -> [Health.Reason] {
    healthCount += 1
    return overall.reasons
  }

  func outputFigures(of role: ManagedRole) -> OutputFigures? { nil }

  func figures() -> DaemonFigures {
    DaemonFigures(
      started: UTCTime(seconds: 1), now: UTCTime(seconds: 2), clockOffset: nil, reloads: ReloadCounts(), rate: 1,
      inFlight: 0, sources: [], endpoints: [], isCAFileUsed: true, server: ServerStatistics())
  }

  func health(of role: ManagedRole) -> Health { healthOfRole }
}
