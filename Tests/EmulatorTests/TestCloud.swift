import Testing

@testable import Emulator

/// A service with a little of everything, a frozen clock, and keys that sign.
struct TestCloud {
  static let account = "1234567890123456"
  static let start = WallTime(seconds: 1_767_322_800)

  var service: Cloud
  /// The object storage for VOD's uploads.
  let store: TestStore
  var now = start
  private var lastNonce = 0

  init(region: String = "cn-test", _ change: (inout AccountModel) -> Void = { _ in }) throws {
    var model = try AccountModel(toml: Self.configuration)
    change(&model)
    store = TestStore(region: region)
    service = Cloud(model: model, store: store)
  }

  static func arn(_ role: String) -> String { "acs:ram::\(account):role/\(role)" }

  /// Signs and sends; returns the parsed answer.
  mutating func send(
    _ action: String = "AssumeRole", _ parameters: [String: String] = [:], as key: Key = .keeper,
    shape: Shape = .v3Query, change: (inout Request) -> Void = { _ in }
  ) -> TestAnswer {
    lastNonce += 1
    var draft = Draft(action: action, parameters: parameters, nonce: "nonce-\(lastNonce)", time: now.isoText)
    if VODOperation(rawValue: action) != nil { draft.version = CloudService.vod.rawValue }
    if action == "AssumeRole" {
      draft.parameters.merge(["RoleArn": Self.arn("uploader"), "RoleSessionName": "session"]) { given, _ in given }
    }
    var request = draft.signed(by: key, shape: shape)
    change(&request)
    return send(request)
  }

  mutating func send(_ request: Request) -> TestAnswer { TestAnswer(service.handle(request, at: now)) }

  /// A session of `role`, as a key that signs.
  mutating func assume(
    _ role: String = "uploader", _ parameters: [String: String] = [:], as key: Key = .keeper
  ) throws -> Key {
    let given = ["RoleArn": Self.arn(role)].merging(parameters) { $1 }
    return try #require(send("AssumeRole", given, as: key).key)
  }

  static let configuration = """
    [accounts.1234567890123456]
    access_keys = [{ id = "LTAIroot", secret = "root secret" }]

    [accounts.1234567890123456.policies.Upload]
    document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}'

    [accounts.1234567890123456.policies.NotTheVault]
    document = '{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"acs:ram:*:*:role/vault"}]}'

    [accounts.1234567890123456.users.keeper]
    access_keys = [
      { id = "LTAIkeeper", secret = "keeper secret" },
      { id = "LTAIold", secret = "old secret", active = false },
    ]
    policies = ["AliyunSTSAssumeRoleAccess", "NotTheVault"]

    [accounts.1234567890123456.users.idle]
    access_keys = [{ id = "LTAIidle", secret = "idle secret" }]
    policies = ["Upload"]

    [accounts.1234567890123456.roles.uploader]
    trust = ["acs:ram::1234567890123456:root"]
    policies = ["Upload"]

    [accounts.1234567890123456.roles.long]
    trust = ["acs:ram::1234567890123456:user/keeper"]
    policies = ["AliyunSTSAssumeRoleAccess"]
    max_session_duration = "12h"

    [accounts.1234567890123456.roles.short]
    trust = ["acs:ram::1234567890123456:root"]
    policies = ["AliyunSTSAssumeRoleAccess"]
    issued_lifetime = "12s"

    [accounts.1234567890123456.roles.chained]
    trust = ["acs:ram::1234567890123456:role/long"]

    [accounts.1234567890123456.roles.vault]
    trust = ["acs:ram::1234567890123456:root"]

    [accounts.1234567890123456.roles.partner]
    trust_policy = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
      "Principal":{"RAM":"acs:ram::1234567890123456:root"},
      "Condition":{"StringEquals":{"sts:ExternalId":"agreed"}}}]}'''

    [accounts.9999]
    requests_per_second = 2

    [accounts.9999.users.other]
    access_keys = [{ id = "LTAIother", secret = "other secret" }]
    policies = ["AdministratorAccess"]
    """
}

/// What came back.
struct TestAnswer {
  let reply: Reply
  let body: PolicyValue?

  init(_ reply: Reply) {
    self.reply = reply
    body = PolicyValue(json: String(decoding: reply.answer.body, as: UTF8.self))
  }

  var text: String { String(decoding: reply.answer.body, as: UTF8.self) }
  var status: Int { reply.answer.status }
  /// Empty for a good answer.
  var code: String { body?.text("Code") ?? "" }
  var message: String { body?.text("Message") ?? "" }
  var credentials: PolicyValue? { body?["Credentials"] }

  /// The credentials of an AssumeRole answer, as a key that signs.
  var key: Key? {
    credentials.map {
      Key(id: $0.text("AccessKeyId"), secret: $0.text("AccessKeySecret"), token: $0.text("SecurityToken"))
    }
  }
}

/// A key as a client has it.
struct Key {
  var id: String
  var secret: String
  var token: String?

  static let keeper = Key(id: "LTAIkeeper", secret: "keeper secret")
  static let idle = Key(id: "LTAIidle", secret: "idle secret")
  static let root = Key(id: "LTAIroot", secret: "root secret")
  static let other = Key(id: "LTAIother", secret: "other secret")
}

/// The ways in which real clients lay out and sign a request.
enum Shape: CaseIterable {
  case v1Get
  case v1Query
  case v1Form
  case v1Split
  case v3Get
  case v3Query
  case v3Form
}
