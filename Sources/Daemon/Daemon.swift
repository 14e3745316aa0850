import Core
import CredentialServer
import FileOutput
import Glibc
import HTTPServer
import Handover
import Identities
package import LocalSockets
package import Logs
package import Refresh
import RuntimeState
import STS
package import Settings
import SocketAPI
package import Systemd
import UnitJobs
import Wire

/// The daemon as a whole: what the settings say, kept going on one loop.
package final class Daemon: SocketBackend {
  /// How long a stop waits for requests that are on their way, and for clients to take their answers.
  private static let farewell: Duration = .milliseconds(250)

  let settings: SettingsInForce
  /// Where it listens instead of at the settings' paths.
  let sockets: InheritedSockets
  package let refresher: Refresher

  let loop: EventLoop
  let log: Log
  let started: UTCTime
  var connections: Connections?
  var service: SocketService!
  var server: HTTPServer!
  var loopback: LoopbackServers!
  var units: UnitService!
  var unitServer: UnitServer!
  /// nil while no other unit's credentials are served.
  var unitListener: UnitListener?
  var outputs: Outputs!
  var unitRefresher: UnitRefresher!
  var follower: RotationFollower!
  private var fileResults: IOSource?
  var announcer: Announcer!
  var generations: GenerationReserve!
  var handover: HandoverWriter?
  private(set) var sourceRoles: SourceRoles!
  let certificates: CertificateWatch
  private(set) var reloader: Reloader!
  var retired: HTTPServer?
  var retirement: (any Deferral)!
  /// Retries what may have failed for a CA file that couldn't be used. In a turn of its own: a request may be what read the file.
  var authoritiesRetry: (any Deferral)?
  private var signals: [SignalSource] = []
  private var clockSteps: ClockStepSource?
  private var watchdog: Watchdog?
  private var socketWatches: [SocketWatch] = []
  private var credentialRetry: CredentialRetry?
  /// When it was last logged that accepting is paused.
  private var pauseReported: Timestamp?
  var memoryTrimmer: MemoryTrimmer!

  var sources: [String: any CredentialSource] { connections?.sources ?? [:] }
  var identityFiles: [String: IdentityFiles] { connections?.identityFiles ?? [:] }
  /// Made by `init`.
  var cloud: CloudConnections { connections!.cloud }

  package var socketPath: String { settings.socket.path }
  /// The latest reload, if it was refused.
  var refusal: SettingsRefusal? { reloader.refusal }

  /// Puts everything in its place, listens, and queues the first attempt of every role. Throws a sentence for what can't be had.
  ///
  /// `sockets` are those that were passed to this process; sessions that `inheritance` has of an earlier process are handed out at once.
  /// `isActive` is whether the service manager takes the service for started already. `read` reads the settings for a reload.
  package init(
    _ start: StartSettings, sockets: InheritedSockets = InheritedSockets(), inheriting inheritance: Inheritance? = nil,
    isActive: Bool = false, loop: EventLoop, log: Log, read: @escaping @Sendable () -> LoadedSettings
  ) throws {
    let settings = start.settings
    let state = inheritance?.store.state
    self.settings = SettingsInForce(settings)
    self.sockets = sockets
    self.loop = loop
    started = UTCTime(seconds: Int64(loop.wallSeconds))
    self.log = log
    refresher = try Refresher(
      scheduler: loop,
      queue: FetchQueue(rate: settings.sts.requestsPerSecond, burst: settings.sts.burst, at: loop.time),
      clock: state?.clock.flatMap { $0.isFromServer ? ServerClock($0) : nil }
        ?? ServerClock(wallMicroseconds: loop.wallMicroseconds, at: loop.time),
      attemptLimit: settings.attemptLimit, log: log)
    certificates = try CertificateWatch(scheduler: loop)
    certificates.watch(settings.sources)
    sourceRoles = SourceRoles(refresher: refresher) { [unowned self] in sources }
    refresher.isAwaited = { [unowned self] in sources[$0]?.isAwaited ?? false }
    refresher.clockCorrected = { [unowned self] in for source in sources.values { source.clockCorrected() } }
    reloader = Reloader(
      self.settings, parts: self, scheduler: loop, log: log,
      refusal: start.refusals.isEmpty ? nil : SettingsRefusal(at: started, start.refusals), read: read)
    // Before the first thread, which would else take signals in its own way: libcurl starts some.
    for number in [SIGTERM, SIGINT] {
      signals.append(try SignalSource(loop, signal: number) { [unowned self] in stop() })
    }
    signals.append(try SignalSource(loop, signal: SIGHUP) { [unowned self] in reload(allowingRemoval: false) { _ in } })

    putInForce(try connections(settings, after: state, mayLackAuthorities: start.mayLackAuthorities))
    refresher.joinFleet(of: settings.sts.fleetSize)
    authoritiesRetry = loop.deferred { [unowned self] in
      if cloud.authorities.problem == nil { retryRoles() }
    }
    outputs = try Outputs(scheduler: loop, settings: self.settings, log: log)
    fileResults = try IOSource(loop, descriptor: outputs.descriptor, events: .readable) { [unowned self] _ in
      outputs.takeResults()
    }
    unitRefresher = try UnitRefresher(
      scheduler: loop, manager: SystemBus(loop), timeout: settings.unitJobTimeout,
      ownUnit: OwnUnit.name ?? RolekeeperUnit.service, log: log)
    unitRefresher.willRefresh = { [unowned self] in units.willRefresh($0) }
    follower = RotationFollower(unitRefresher) { [unowned self] in outputs.progress(of: $0) }
    service = try SocketService(
      scheduler: loop, backend: self, refresher: refresher, access: Self.access(settings), log: log)
    if let fleet = settings.fleet { service.tier = fleet.tier }
    service.reports.unchecked = { [unowned self] in sourceRoles.passOn($0, of: $1) }
    server = try listen(settings.socket)
    service.serve(on: server)
    try serveUnits(settings.credentials)
    loopback = try LoopbackServers(loop, service, log: log)
    loopback.begin(settings.loopback)
    retirement = loop.deferred { [unowned self] in
      retired?.stop()
      retired = nil
    }
    announcer = try Announcer(
      backend: self, manager: Notifier(), isActive: isActive, scheduler: loop, log: log)
    memoryTrimmer = try MemoryTrimmer(
      scheduler: loop, isQuiet: { [unowned self] in refresher.inFlight == 0 && refresher.queued == 0 })
    // Only with the socket held: until then it may be another daemon's.
    generations = try GenerationReserve(settings, refresher: refresher, scheduler: loop, log: log)
    generations.outputs = { [unowned self] in outputs.recorded }
    generations.directories = { [unowned self] in outputs.recordedDirectories }
    outputs.recordChanged = { [unowned self] in generations.coverWritten() }
    handover = try makeHandover(inheritance)
    observe()
    clockSteps = try ClockStepSource(loop) { [unowned self] in
      refresher.wallClockStepped(toMicroseconds: loop.wallMicroseconds)
    }
    // Only with the socket held: until then the files may be another daemon's.
    try outputs.removeFormerDirectories(recorded: generations.formerDirectories)
    keep(settings.roles, after: inheritance?.store)
    self.settings.readRoles { [refresher] in refresher.roles.values.map(\.settings).sorted { $0.name < $1.name } }
    outputs.takeOver(generations.takeFormerOutputs())
    handover?.begin(settings: start.content)
    announcer.begin()
    if isActive { unitRefresher.release() }
    credentialRetry = try CredentialRetry(
      scheduler: loop, sources: { [unowned self] in Array(sources.values) },
      hasSessions: { [unowned self] in refresher.sessionCount > 0 }
    ) { [unowned self] in
      log.write(.restartForAccessKey)
      stop(code: 1)
    }
    socketWatches = try makeSocketWatches()
    service.connectionsRanOut = { [unowned self] in announcer?.stateChanged() }
    service.restart = { [unowned self] in credentialRetry?.end }
    if let interval = Watchdog.interval() {
      watchdog = try Watchdog(loop, interval: interval) { [unowned self] in isProgressing() }
    }
  }

  // Before the outputs' writer closes its descriptor, whose number the next one gets: the loop would still watch that.
  deinit { fileResults = nil }

  static func access(_ settings: DaemonSettings) -> AccessPolicy {
    AccessPolicy(ownUID: geteuid(), admins: settings.admins, proxyUID: settings.fleet?.trustedProxy)
  }

  /// Turns the loop until a stop.
  package func run() throws -> CInt {
    defer { generations.settle() }
    return try loop.run()
  }

  func listen(_ socket: SocketSettings) throws -> HTTPServer {
    let listener =
      try sockets.api?.listener() ?? UnixListener(path: socket.path, mode: socket.mode, gid: socket.gid)
    let server = try HTTPServer(loop, listener: listener, limits: limits(socket), handler: service)
    server.acceptingPaused = { [unowned self] number in
      let now = loop.time
      if let reported = pauseReported, now - reported < .seconds(600) { return }
      pauseReported = now
      log.write(.acceptPaused, [.reason(String(cString: strerror(number)))])
    }
    return server
  }

  func keep(_ role: RoleSettings, generation: UInt64) {
    outputs.keep(role)
    refresher.add(role, generation: generation)
  }

  private func stop(code: CInt = 0) {
    if code == 0 { announcer.stopping() } else { announcer.stoppingForKey() }
    stopServingUnits()
    server.drain(within: Self.farewell) { [unowned self] in
      loopback.drain(within: Self.farewell) { [unowned self] in
        service.flushLog()
        unitServer.drain(within: Self.farewell) { [unowned self] in loop.exit(code: code) }
      }
    }
    service.endWaiting()
  }

  private func observe() {
    // Whatever another one hears of is recorded by then, and in the store before the file asks for that store.
    refresher.setObservers(
      (handover.map { [$0] } ?? []) + [
        generations, outputs, service, units, announcer, memoryTrimmer, follower, sourceRoles,
      ])
    if let handover { refresher.observeDerived(by: handover) }
    outputs.changed = { [unowned self] name, path in
      guard let role = refresher.roles[name] else { return }
      service.outputsChanged(of: role, outputs.statuses(of: name, at: path, clock: refresher.clock))
      announcer.stateChanged()
      follower.review(name)
    }
    outputs.landed = { [unowned self] in
      announcer.becomeReadyIfDone()
      follower.reviewAll()
    }
  }

  /// A deadline whose timer is a minute overdue although nothing is under way for it: the loop is stuck.
  private func isProgressing() -> Bool {
    let now = loop.time
    return refresher.unservedSince(now).map { now - $0 < .seconds(60) } ?? true
  }
}
