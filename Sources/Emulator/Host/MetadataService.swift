/// The part of an ECS instance's metadata service that hands out its RAM role's credential ("Instance metadata" and "Instance RAM
/// roles" in the vendor's ECS guide), at 100.100.100.200 in reality.
struct MetadataService: Sendable {
  static let tokenPath = "/latest/api/token"
  static let rolePath = "/latest/meta-data/ram/security-credentials/"
  static let tokenLifetimes: ClosedRange<Int64> = 1...21_600
  /// The service that an instance's role has to trust.
  static let principal = "ecs.aliyuncs.com"

  private let seal = TokenSeal(mark: Array("ECS".utf8), key: Digests.random(32))
  private var served = ServedSession()

  mutating func renew() { served.renew() }

  /// The name by which a request is counted and selected by faults.
  static func action(of request: Request) -> String {
    if request.path == tokenPath { return "PutMetadataToken" }
    guard let name = roleName(request.path) else { return "" }
    return name.isEmpty ? "GetMetadataRole" : "GetMetadataCredentials"
  }

  mutating func answer(
    _ request: Request, isLapsed: Bool, in model: AccountModel, mint: TokenMint, at now: WallTime
  ) -> HostOutcome {
    if request.path == Self.tokenPath { return token(request, at: now) }
    if let refusal = refusal(of: request, in: model.metadata, at: now) { return refusal }
    guard request.method == "GET", let name = Self.roleName(request.path), let role = model.metadata.role,
      isTrusted(role, request, in: model, at: now)
    else { return HostOutcome(status: 404, "404 - Not Found\n") }
    if name.isEmpty { return HostOutcome(.text(role.role.name)) }
    guard name.utf8.elementsEqual(role.role.name.utf8) else { return HostOutcome(status: 404, "404 - Not Found\n") }
    // The name of an instance's sessions is (?).
    return HostOutcome(
      .document(
        served.document(role, named: "vm-emulated", isLapsed: isLapsed, in: model, mint: mint, at: now)))
  }

  /// Which status the service answers a wrong lifetime with is (?); 400 is that of the services it resembles.
  private func token(_ request: Request, at now: WallTime) -> HostOutcome {
    guard request.method == "PUT" else { return HostOutcome(status: 405, "405 - Method Not Allowed\n") }
    let header = request.header("x-aliyun-ecs-metadata-token-ttl-seconds")
    guard let header, header.utf8.allSatisfy(RoleReference.isDigit), let seconds = Int64(header),
      Self.tokenLifetimes.contains(seconds)
    else { return HostOutcome(status: 400, "400 - Bad Request\n") }
    var content: [UInt8] = []
    content.append(tokenField: now.advanced(bySeconds: seconds))
    return HostOutcome(.text(seal.token(content)))
  }

  /// The answer to a request without a valid token; nil if it may be answered. The statuses are (?).
  private func refusal(of request: Request, in settings: MetadataSettings, at now: WallTime) -> HostOutcome? {
    guard let token = request.header("x-aliyun-ecs-metadata-token") else {
      return settings.allowsV1 ? nil : HostOutcome(status: 403, "403 - Forbidden\n")
    }
    guard var content = seal.content(of: token), now < content.takeTime() else {
      return HostOutcome(status: 401, "401 - Unauthorized\n")
    }
    return nil
  }

  /// A role that ECS may not assume can't be an instance's.
  private func isTrusted(_ served: ServedRole, _ request: Request, in model: AccountModel, at now: WallTime) -> Bool {
    let trust = model.role(served.role.name, in: served.role.account)?.trust
    return trust?.trusts([Self.principal], of: .service, in: request.policyContext(at: now)) == .allowed
  }

  /// Empty for the list of roles; nil for another path.
  private static func roleName(_ path: Substring) -> String? {
    if path == rolePath.dropLast() { return "" }
    guard path.hasPrefix(rolePath) else { return nil }
    return String(path.dropFirst(rolePath.count))
  }
}
