/// KMS Agent: a local HTTP proxy for the secrets that KMS keeps, here those of RAM users' AccessKeys, which KMS rotates.
///
/// From "KMS Agent overview", "Use KMS Agent to retrieve secrets" and "Manage and use RAM secrets" in the vendor's KMS guide:
/// 127.0.0.1:2025, GET with `X-KMS-Token` or `X-Vault-Token`, the token in a file that the agent writes at its start, answers like
/// those of GetSecretValue. The statuses of errors are those of the AWS agent that it is modelled on (?).
struct KMSAgent: Sendable {
  /// One version of a secret.
  private struct Version: Sendable {
    let number: Int
    let key: AccessKey
    let created: WallTime
  }

  private static let queryPath = "/secretsmanager/get"
  private static let pathPrefix = "/v1/"

  /// What a client has to send.
  let token = TextCoding.hex(Digests.random(32))
  /// The versions that rotations have made.
  private var rotated: [String: Version] = [:]
  /// All of these, former ones included.
  private var made: [Version] = []
  /// What the agent has in its cache, and until when.
  private var cached: [String: (version: Version, until: WallTime)] = [:]
  /// Former AccessKeys, and when they are deleted.
  private var former: [String: WallTime] = [:]

  static func action(of request: Request) -> String { request.path == "/ping" ? "Ping" : "GetSecretValue" }

  mutating func answer(_ request: Request, in model: AccountModel, at now: WallTime) -> HostOutcome {
    if request.path == "/ping" { return HostOutcome(.text("healthy")) }
    if request.header("x-forwarded-for") != nil { return HostOutcome(status: 400, "Forwarded") }
    let tokens = ["x-kms-token", "x-vault-token"].compactMap(request.header)
    guard tokens.contains(where: { Digests.areEqual(Array($0.utf8), Array(token.utf8)) }) else {
      return HostOutcome(status: 403, "Bad Token")
    }
    guard request.method == "GET" else { return HostOutcome(status: 405, "Not allowed") }
    guard let name = Self.secretName(request) else { return HostOutcome(status: 404, "Not found") }
    guard let version = version(of: name, in: model, at: now) else {
      return HostOutcome(status: 400, code: "Forbidden.ResourceNotFound", message: "Resource not found.")
    }
    return HostOutcome(.document(Self.document(name, version)))
  }

  /// Makes a new AccessKey the secret's value; the former one is deleted after `keepSeconds`. False if there is no such secret.
  mutating func rotate(_ name: String, keepSeconds: Int64, in model: AccountModel, at now: WallTime) -> Bool {
    guard let secret = model.kms.secrets[name], let current = current(name, secret, in: model) else { return false }
    let key = AccessKey(
      id: TokenMint.newAccessKeyID(), secret: TokenMint.newAccessKeySecret(), account: secret.account,
      owner: .user(secret.user))
    let version = Version(number: current.number + 1, key: key, created: now)
    rotated[name] = version
    made.append(version)
    former[current.key.id] = now.advanced(bySeconds: keepSeconds)
    return true
  }

  /// The model with the AccessKeys that rotations have made, and without those whose time is over.
  func updated(_ given: AccountModel, at now: WallTime) -> AccountModel {
    guard !rotated.isEmpty else { return given }
    var model = given
    for version in made { model.add(version.key) }
    for (id, end) in former where now >= end { model.remove(key: id) }
    return model
  }

  private mutating func version(of name: String, in model: AccountModel, at now: WallTime) -> Version? {
    if let kept = cached[name], now < kept.until { return kept.version }
    guard let secret = model.kms.secrets[name], let version = current(name, secret, in: model) else { return nil }
    cached[name] = (version, now.advanced(bySeconds: model.kms.cacheSeconds))
    return version
  }

  private func current(_ name: String, _ secret: KMSSettings.Secret, in model: AccountModel) -> Version? {
    if let version = rotated[name] { return version }
    let keys = model.keys.values.filter { $0.account == secret.account && $0.owner == .user(secret.user) }
    return keys.min { $0.id < $1.id }.map { Version(number: 1, key: $0, created: WallTime(seconds: 1_767_225_600)) }
  }

  private static func secretName(_ request: Request) -> String? {
    if request.path == queryPath { return Parameters(decoding: request.query.utf8)?["secretId"] }
    guard request.path.hasPrefix(pathPrefix) else { return nil }
    return TextCoding.percentDecoded(request.path.utf8.dropFirst(pathPrefix.utf8.count))
  }

  private static func document(_ name: String, _ version: Version) -> Fields {
    let value: Fields = [
      "AccessKeyId": .text(version.key.id), "AccessKeySecret": .text(version.key.secret),
      "GenerateTimestamp": .text(version.created.isoText),
    ]
    return [
      "RequestId": .text(Identifiers.requestID()), "SecretName": .text(name), "SecretType": .text("RAMCredentials"),
      "SecretDataType": .text("text"), "SecretData": .text(value.json), "VersionId": .text("v\(version.number)"),
      "VersionStages": .object(["VersionStage": .list([.text("ACSCurrent")])]),
      "CreateTime": .text(version.created.isoText), "AutomaticRotation": .text("Enabled"),
      "RotationInterval": .text("604800s"), "LastRotationDate": .text(version.created.isoText),
      "NextRotationDate": .text(version.created.advanced(bySeconds: 604_800).isoText),
      "ExtendedConfig": .text(#"{"SecretSubType":"RamUserAccessKey","CustomData":{}}"#),
    ]
  }
}
