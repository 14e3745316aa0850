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
  private let service: SharedService
  private let sts: WebServer
  private let control: WebServer?

  /// Starts serving `model`. `reload` is what the control endpoint's reload reads a new model with.
  package init(
    _ model: AccountModel, clock: EmulatorClock = EmulatorClock(), options: Options = Options(),
    reload: (@Sendable () throws -> AccountModel)? = nil
  ) throws {
    let certificates = try Certificates(names: options.names)
    let service = SharedService(STSService(model: model), clock: clock)
    self.service = service
    authorityPEM = certificates.authority
    sts = try WebServer(
      address: options.address, port: options.port,
      certificates: certificates,
      policy: ConnectionPolicy(
        takes: { source in service.withService { !$0.faults.takeUnreachable(from: source) } },
        flaw: { source in service.withService { $0.faults.takeCertificate(from: source) } }),
      handle: { service.answer($0) })
    control = try options.control.map { place in
      let control = ControlAPI(service: service, reload: reload)
      return try WebServer(address: place.address, port: place.port, handle: { control.answer($0) })
    }
  }

  /// What the control endpoint understands, as text for people.
  package static var controlHelp: String { ControlAPI.help }

  package var clock: EmulatorClock { service.clock }
  package var port: UInt16 { sts.port }
  /// nil without a control endpoint.
  package var controlPort: UInt16? { control?.port }

  /// Looks at the service, or changes it: its account model, faults and counts of calls. Requests wait meanwhile.
  package func withService<Result>(_ body: (inout STSService) throws -> sending Result) rethrows -> sending Result {
    try service.withService(body)
  }

  package var callCounts: CallCounts { service.withService { $0.callCounts } }

  /// Puts a fault in force; returns its number.
  @discardableResult
  package func add(_ fault: Fault) -> Int { service.withService { $0.faults.add(fault) } }

  package func clearFaults() { service.withService { $0.faults.removeAll() } }

  /// Ends all connections; nothing is answered afterwards.
  package func stop() {
    sts.stop()
    control?.stop()
  }
}

/// The service as its servers' threads share it.
final class SharedService: Sendable {
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
