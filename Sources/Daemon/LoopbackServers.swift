import Core
import HTTPServer
import LocalSockets
import Logs
import Settings
import SocketAPI
import Systemd
import Wire

/// The loopback URI: a server for each of its addresses, apart from the socket's, so that whoever fills its connections keeps
/// nobody from the socket.
///
/// Any user of the host can take an address before the daemon does. So one that can't be listened at doesn't end the daemon: it is
/// reported, and tried again until it works.
final class LoopbackServers {
  /// How many descriptors all of this takes at most: at each address a listener, an epoll and two timers besides the connections.
  static func mostDescriptors(_ settings: LoopbackSettings?) -> Int {
    settings.map { 3 + $0.addresses.count * (limits.descriptors + 4) } ?? 0
  }

  private static let retryInterval: Int64 = 15_000_000
  /// How long the requests of one turn may take, in µs: a fifth of the socket's time.
  private static let turnTime: Int64 = 400

  private struct Place {
    let service: LoopbackService
    let server: HTTPServer
  }

  private let loop: EventLoop
  private let makeInquiry: () throws -> CallerInquiry
  private unowned let api: SocketService
  private let log: Log
  private var settings: LoopbackSettings?
  private var places: [LoopbackAddress: Place] = [:]
  /// The last error of each address that isn't listened at.
  private var failures: [LoopbackAddress: String] = [:]
  private var inquiry: CallerInquiry?
  private var retired: [Place] = []
  private var retry: (any Alarm)!
  private var retirement: (any Deferral)!

  /// `makeInquiry` is what throws where the unit keeps the daemon from asking the kernel who is calling.
  init(
    _ loop: EventLoop, _ api: SocketService, log: Log,
    makeInquiry: @escaping () throws -> CallerInquiry = { try CallerInquiry() }
  ) throws {
    self.loop = loop
    self.makeInquiry = makeInquiry
    self.api = api
    self.log = log
    retry = try loop.timer(accuracy: 1_000_000) { [unowned self] in listenAgain() }
    retirement = loop.deferred { [unowned self] in
      for place in retired {
        place.service.stopListening()
        place.server.stop()
      }
      retired = []
    }
  }

  /// What keeps it from being served as in the settings.
  var reasons: [Health.Reason] {
    failures.sorted { $0.key.description < $1.key.description }.map {
      Health.Reason(.loopback, detail: "the loopback URI isn't served: \($0.value)")
    }
  }

  /// Listens at the settings' addresses, at those where it fails later.
  func begin(_ new: LoopbackSettings?) {
    settings = new
    for address in new?.addresses ?? [] { tryToListen(at: address) }
    settle()
  }

  /// Listens as a reload wants it; the result puts that in force, and returns why an address isn't served. Throws if a new address
  /// can't be listened at. One that was in the settings before, and has failed ever since, is no reason to refuse other changes; nor
  /// are callers who can't be identified: that is up to the unit, and a restart would go on without the address, too.
  func prepare(_ new: LoopbackSettings?) throws -> () -> [String] {
    let wanted = new?.addresses ?? []
    var made: [LoopbackAddress: Place] = [:]
    for address in wanted where places[address] == nil && settings?.addresses.contains(address) != true {
      do { made[address] = try place(at: address) } catch let error as LoopbackError where error.isAboutCallers {}
    }
    return { [unowned self] in
      settings = new
      for (address, place) in places where !wanted.contains(address) {
        retired.append(place)
        places[address] = nil
      }
      // In a later turn: whoever asked for the reload may wait for an answer there.
      retirement.schedule()
      places.merge(made) { _, new in new }
      failures = failures.filter { wanted.contains($0.key) }
      for address in wanted where places[address] == nil { tryToListen(at: address) }
      settle()
      return reasons.map(\.detail)
    }
  }

  /// Ends all connections after their requests are answered; calls `done` then, or after `span`.
  func drain(within span: Duration, done: @escaping () -> Void) {
    retry.disarm()
    guard let (address, place) = places.first else { return done() }
    place.server.drain(within: span) { [unowned self] in
      // It is in the middle of this call.
      retired.append(place)
      places[address] = nil
      drain(within: span, done: done)
    }
  }

  private func listenAgain() {
    for address in settings?.addresses ?? [] where places[address] == nil { tryToListen(at: address) }
    settle()
  }

  private func settle() {
    api.loopback = (settings?.addresses ?? []).compactMap { places[$0]?.service }
    if failures.isEmpty { retry.disarm() } else { retry.arm(at: loop.now + Self.retryInterval) }
    if places.isEmpty { inquiry = nil }
  }

  private func tryToListen(at address: LoopbackAddress) {
    do {
      places[address] = try place(at: address)
      if failures.removeValue(forKey: address) != nil { log.write(.loopbackServed, [.path(address.description)]) }
    } catch {
      let reason = "\(error)"
      if failures[address] != reason { log.write(.loopbackNotServed, [.path(address.description), .reason(reason)]) }
      failures[address] = reason
    }
  }

  private func place(at address: LoopbackAddress) throws -> Place {
    let inquiry = try inquiry ?? makeInquiry()
    self.inquiry = inquiry
    let service = try LoopbackService(address, of: api, scheduler: loop)
    let server = try HTTPServer(
      loop, listener: LoopbackListener(address, inquiry), limits: Self.limits, handler: service)
    server.turnTime = Self.turnTime
    service.serve(on: server)
    return Place(service: service, server: server)
  }

  private static var limits: ServerLimits {
    var limits = ServerLimits()
    // So many that fifteen users don't fill them.
    limits.maximumConnections = 512
    // Those of callers who aren't identified yet count as one user's: see `HTTPServer.identified`.
    limits.maximumConnectionsPerUID = 32
    limits.reservedConnections = 0
    limits.maximumLingering = 16
    limits.headTime = .seconds(2)
    limits.idleTime = .seconds(10)
    limits.drainTime = .seconds(5)
    return limits
  }
}
