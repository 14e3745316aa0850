import Synchronization

/// A local RAM and STS behind TLS, with a control endpoint beside it when asked for.
///
/// It listens from its making until `stop()` or its end.
package final class STSEmulator: Sendable {
  package struct Options: Sendable {
    /// An IPv4 address to listen on.
    package var address = "127.0.0.1"
    /// 0 for any free port.
    package var port: UInt16 = 0
    /// The control endpoint's address and port, 0 for any free port; nil for no control endpoint.
    package var control: (address: String, port: UInt16)?
    /// Further names in the server's certificate; `localhost` and 127.0.0.1 are in it anyway.
    package var names = ["sts.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"]

    package init() {}
  }

  /// The certificate authority's certificate in PEM: what a client has to trust.
  package let authorityPEM: String
  private let desk: ServiceDesk
  private let sts: WebServer
  private let control: WebServer?

  /// Starts serving `realm`. `reload` is what the control endpoint's reload reads a new realm with.
  package init(
    _ realm: Realm, clock: EmulatorClock = EmulatorClock(), options: Options = Options(),
    reload: (@Sendable () throws -> Realm)? = nil
  ) throws {
    let certificates = try Certificates(names: options.names)
    let desk = ServiceDesk(STSService(realm: realm), clock: clock)
    self.desk = desk
    authorityPEM = certificates.authority
    sts = try WebServer(
      address: options.address, port: options.port,
      certificates: certificates,
      door: Door(
        takes: { source in desk.withService { !$0.faults.takeUnreachable(from: source) } },
        flaw: { source in desk.withService { $0.faults.takeCertificate(from: source) } }),
      handle: { desk.answer($0) })
    control = try options.control.map { place in
      let control = ControlDesk(desk: desk, reload: reload)
      return try WebServer(address: place.address, port: place.port, handle: { control.answer($0) })
    }
  }

  /// What the control endpoint understands, as text for people.
  package static var controlHelp: String { ControlDesk.help }

  package var clock: EmulatorClock { desk.clock }
  package var port: UInt16 { sts.port }
  /// nil without a control endpoint.
  package var controlPort: UInt16? { control?.port }

  /// Looks at the service, or changes it: its realm, faults and tally. Requests wait meanwhile.
  package func withService<Result>(_ body: (inout STSService) throws -> sending Result) rethrows -> sending Result {
    try desk.withService(body)
  }

  package var tally: Tally { desk.withService { $0.tally } }

  /// Puts a fault in force; returns its number.
  @discardableResult
  package func add(_ fault: Fault) -> Int { desk.withService { $0.faults.add(fault) } }

  package func clearFaults() { desk.withService { $0.faults.removeAll() } }

  /// Ends all connections; nothing is answered afterwards.
  package func stop() {
    sts.stop()
    control?.stop()
  }
}

/// The service as its servers' threads share it.
final class ServiceDesk: Sendable {
  let clock: EmulatorClock
  private let service: Mutex<STSService>

  init(_ service: STSService, clock: EmulatorClock) {
    self.service = Mutex(service)
    self.clock = clock
  }

  func answer(_ request: Request) -> Reply { service.withLock { $0.handle(request, at: clock.now) } }

  func withService<Result>(_ body: (inout STSService) throws -> sending Result) rethrows -> sending Result {
    try service.withLock { try body(&$0) }
  }
}
