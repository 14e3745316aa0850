import Synchronization

/// A local RAM, STS, VOD and, optionally, OSS behind TLS, optionally with a control endpoint and the services that a host in the
/// cloud has at addresses of its own.
///
/// It listens from its creation until `stop()` or its release.
package final class STSEmulator: Sendable {
  package struct Options: Sendable {
    /// An IPv4 address to listen on.
    package var address = "127.0.0.1"
    /// 0 for any free port.
    package var port: UInt16 = 0
    /// The control endpoint's address and port, 0 for any free port; nil for no control endpoint.
    package var control: (address: String, port: UInt16)?
    /// Further names in the server's certificate, in addition to `localhost` and 127.0.0.1.
    package var names = [
      "sts.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com", "sts.cn-shanghai.aliyuncs.com", "sts.cn-beijing.aliyuncs.com",
      "vod.cn-shanghai.aliyuncs.com",
    ]
    /// The directory for OSS's objects, created if necessary; nil for no OSS.
    package var objects: String?
    /// The port of OSS at the same address, 0 for any free one.
    package var ossPort: UInt16 = 0
    /// Where the metadata service of an ECS instance listens, in plain HTTP; nil for none.
    package var metadata: (address: String, port: UInt16)?
    /// Where the server behind a credentials URI listens, over TLS with client certificates; nil for none.
    package var credentialsURI: (address: String, port: UInt16)?
    /// The path of the same server's Unix socket, in plain HTTP; nil for none.
    package var credentialsSocket: String?
    /// Where KMS Agent listens, in plain HTTP; nil for none.
    package var kmsAgent: (address: String, port: UInt16)?

    package init() {}
  }

  /// The CA certificate in PEM, which a client has to trust.
  package let authorityPEM: String
  private let service: SharedService
  private let sts: WebServer
  private let oss: WebServer?
  private let control: WebServer?
  private let metadata: WebServer?
  private let credentialsURI: WebServer?
  private let credentialsSocket: WebServer?
  private let kmsAgent: WebServer?
  /// A key and certificate for a client of the credentials URI.
  package let clientIdentity: ServerIdentity
  /// The objects of OSS, and the credentials for them; nil without OSS.
  package let objects: ObjectStore?

  /// Starts serving `model`. `reload` reads a new model for the control endpoint's reload.
  package init(
    _ model: AccountModel, clock: EmulatorClock = EmulatorClock(), options: Options = Options(),
    reload: (@Sendable () throws -> AccountModel)? = nil
  ) throws {
    let region = model.oss.region
    // A bucket is a label before the host, in any region.
    let hosts = ["oss-\(region).aliyuncs.com", "*.oss-\(region).aliyuncs.com"]
    let certificates = try Certificates(names: options.names + (options.objects == nil ? [] : hosts))
    // VOD creates grants with it even if nothing can be uploaded.
    let store = ObjectStore(directory: options.objects ?? "", region: region)
    let service = SharedService(Cloud(model: model, store: store), clock: clock)
    self.service = service
    authorityPEM = certificates.authority
    clientIdentity = certificates.client
    sts = try WebServer(
      address: options.address, port: options.port, certificates: certificates, policy: service.policy(for: .sts),
      handle: { service.answer($0) })
    let storage = options.objects.map { _ in OSSService(store: store, shared: service) }
    objects = storage?.store
    oss = try storage.map { storage in
      try WebServer(
        address: options.address, port: options.ossPort, certificates: certificates, policy: service.policy(for: .oss),
        begin: { storage.begin($0) })
    }
    let ossPort = oss?.port
    if let ossPort { service.withService { $0.uploadHost = "\(options.address):\(ossPort)" } }
    metadata = try options.metadata.map { place in
      try WebServer(
        address: place.address, port: place.port, policy: service.policy(for: .ecs),
        handle: { service.answer($0, by: .metadata) })
    }
    credentialsURI = try options.credentialsURI.map { place in
      try WebServer(
        address: place.address, port: place.port, certificates: certificates, needsClientCertificate: true,
        policy: service.policy(for: .uri), handle: { service.answer($0, by: .credentialsURI) })
    }
    credentialsSocket = try options.credentialsSocket.map { path in
      try WebServer(
        socket: path, policy: service.policy(for: .uri), handle: { service.answer($0, by: .credentialsURI) })
    }
    kmsAgent = try options.kmsAgent.map { place in
      try WebServer(
        address: place.address, port: place.port, policy: service.policy(for: .kms),
        handle: { service.answer($0, by: .kmsAgent) })
    }
    control = try options.control.map { place in
      let storageControl = storage.map {
        StorageControl(oss: $0, address: "\(options.address):\(ossPort ?? 0)", clock: clock)
      }
      let control = ControlAPI(service: service, storage: storageControl, reload: reload)
      return try WebServer(address: place.address, port: place.port, handle: { control.answer($0) })
    }
  }

  /// The control endpoint's documentation, as text for people.
  package static var controlHelp: String { ControlAPI.help }

  package var clock: EmulatorClock { service.clock }
  package var port: UInt16 { sts.port }
  /// Nil without OSS.
  package var ossPort: UInt16? { oss?.port }
  /// Nil without a control endpoint.
  package var controlPort: UInt16? { control?.port }

  /// Nil without a metadata service.
  package var metadataPort: UInt16? { metadata?.port }
  /// Nil without a server behind a credentials URI.
  package var credentialsURIPort: UInt16? { credentialsURI?.port }
  /// Nil without a KMS Agent.
  package var kmsAgentPort: UInt16? { kmsAgent?.port }
  /// What KMS Agent's clients have to send.
  package var kmsToken: String { service.withService { $0.hostServices.kmsAgent.token } }

  /// Reads or changes the services: their account model, faults and call counts. Requests wait meanwhile.
  package func withService<Result>(_ body: (inout Cloud) throws -> sending Result) rethrows -> sending Result {
    try service.withService(body)
  }

  /// All videos, oldest first.
  package var videos: [VideoReport] { service.withService { $0.videos(at: clock.now) } }

  package var callCounts: CallCounts { service.withService { $0.callCounts } }

  /// Sets a fault; returns its number.
  @discardableResult
  package func add(_ fault: Fault) -> Int { service.withService { $0.faults.add(fault) } }

  package func clearFaults() { service.withService { $0.faults.removeAll() } }

  /// Ends all connections; nothing is answered afterwards.
  package func stop() {
    sts.stop()
    oss?.stop()
    control?.stop()
    for server in [metadata, credentialsURI, credentialsSocket, kmsAgent] { server?.stop() }
  }
}

/// The services, shared by the servers' threads.
final class SharedService: Sendable {
  let clock: EmulatorClock
  private let services: Mutex<Cloud>

  init(_ services: Cloud, clock: EmulatorClock) {
    self.services = Mutex(services)
    self.clock = clock
  }

  func answer(_ request: Request) -> Reply {
    // Outside of the lock, since others needn't wait for that.
    let call = Call(request)
    return services.withLock { $0.handle(request, call, at: clock.now) }
  }

  func answer(_ request: Request, by host: HostService) -> Reply {
    services.withLock { $0.handle(request, by: host, at: clock.now) }
  }

  func withService<Result>(_ body: (inout Cloud) throws -> sending Result) rethrows -> sending Result {
    try services.withLock { try body(&$0) }
  }

  /// The effects of faults on new connections to one of the services.
  func policy(for target: Fault.Service) -> ConnectionPolicy {
    ConnectionPolicy(
      takes: { source in self.withService { !$0.faults.takeUnreachable(from: source, to: target) } },
      flaw: { source in self.withService { $0.faults.takeCertificate(from: source, to: target) } })
  }
}
