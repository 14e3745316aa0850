import Core
import Glibc
import LocalSockets
import Logs
import Refresh
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import Daemon
@testable import HTTPServer
@testable import SocketAPI

/// What a reload does about a loopback address that can't be served.
@Suite struct LoopbackServersTests {
  private let bench: Bench
  private let backend: Backend
  private let service: SocketService
  private let loop: EventLoop
  private let recorder = LogRecorder()

  init() throws {
    bench = try Bench()
    backend = Backend(bench.refresher)
    loop = try EventLoop()
    service = try SocketService(
      scheduler: bench.scheduler, backend: backend, refresher: bench.refresher,
      access: AccessPolicy(ownUID: 990, admins: AccessRule()), log: recorder.log)
  }

  /// With RestrictAddressFamilies= lacking AF_NETLINK, every other change in the files was refused with the address.
  @Test func `without AF_NETLINK a reload goes on without the address, and says what to install`() throws {
    let servers = try LoopbackServers(loop, service, log: recorder.log) {
      throw LoopbackError.noQuestions(EAFNOSUPPORT)
    }
    servers.begin(nil)
    let address = TCPSocket.freeAddress()
    let unserved = try servers.prepare(LoopbackSettings(addresses: [address]))()
    #expect(unserved.count == 1 && unserved.first?.contains("loopback.conf") == true, "\(unserved)")
    #expect(servers.reasons.map(\.kind) == [.loopback] && service.loopback.isEmpty)
    // It can be taken out again.
    #expect(try servers.prepare(nil)() == [] && servers.reasons == [])
  }

  @Test func `an address that somebody else has is refused, and one that is free is served`() throws {
    let servers = try LoopbackServers(loop, service, log: recorder.log)
    servers.begin(nil)
    let taken = ListeningPort()
    #expect(throws: LoopbackError.self) {
      _ = try servers.prepare(LoopbackSettings(addresses: [LoopbackAddress("127.0.0.1:\(taken.port)")!]))
    }
    #expect(servers.reasons == [] && service.loopback.isEmpty)
    #expect(try servers.prepare(LoopbackSettings(addresses: [TCPSocket.freeAddress()]))() == [])
    #expect(service.loopback.count == 1)
    withExtendedLifetime(taken) {}
  }

  /// Nobody asks it anything.
  private final class Backend: SocketBackend {
    private let refresher: Refresher
    let socketPath = "/run/rolekeeper/api.sock"

    init(_ refresher: Refresher) { self.refresher = refresher }

    func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) {}
    func status(of role: ManagedRole, at now: Timestamp) -> RoleStatus { role.status(at: now, clock: refresher.clock) }
    func statusReport(_ health: Health) -> StatusReport {
      StatusReport(
        version: "1", pid: 1, startedAt: nil, roles: [], sources: [], endpoints: [],
        rate: RateStatus(requestsPerSecond: 1, configured: 1, queued: 0), health: health)
    }
    func sessionReason(of role: ManagedRole, at now: Timestamp) -> Health.Reason? { nil }
    func outputReasons(of role: ManagedRole) -> [Health.Reason] { [] }
    func generalReasons() -> [Health.Reason] { [] }
    func health(of role: ManagedRole) -> Health { Health([]) }
    func figures() -> DaemonFigures {
      DaemonFigures(
        started: UTCTime(seconds: 1), now: UTCTime(seconds: 2), clockOffset: nil, reloads: ReloadCounts(), rate: 1,
        inFlight: 0, sources: [], endpoints: [], isCAFileUsed: true, server: ServerStatistics())
    }
    func outputFigures(of role: ManagedRole) -> OutputFigures? { nil }
  }
}
