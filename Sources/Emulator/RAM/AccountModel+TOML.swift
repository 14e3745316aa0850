import CTOML

/// An error in an emulator's configuration, with its place.
package struct AccountModelError: Error, CustomStringConvertible {
  package let line: Int
  package let problem: String

  package var description: String { "configuration line \(line): \(problem)" }
}

extension AccountModel {
  /// Reads a model from TOML. `[accounts.ID]` holds `requests_per_second`, `access_keys`, `policies`, `users`, `roles` and more,
  /// `[vod]`, `[oss]`, `[ecs]`, `[credentials_uri]` and `[kms]` the behaviour of those services; `sts-emulator --help` has all of it.
  package init(toml text: String) throws(AccountModelError) {
    self.init()
    let document = try TOMLTable(text)
    try document.allow(["accounts", "vod", "oss", "ecs", "credentials_uri", "kms"])
    if let table = try document.table("vod") { vod = try VODSettings(table) }
    if let table = try document.table("oss") { oss = try OSSSettings(table) }
    if let table = try document.table("ecs") { metadata = try MetadataSettings(table) }
    if let table = try document.table("credentials_uri") { credentialsURI = try CredentialsURISettings(table) }
    if let table = try document.table("kms") { kms = try KMSSettings(table) }
    for (id, accountTable) in try document.tables("accounts") {
      guard (1...32).contains(id.utf8.count), id.utf8.allSatisfy(RoleReference.isDigit) else {
        throw accountTable.error("'\(id)' is not an account id, a number of at most 32 digits")
      }
      try addAccount(id, accountTable)
    }
  }

  private mutating func addAccount(_ id: String, _ table: TOMLTable) throws(AccountModelError) {
    try table.allow([
      "requests_per_second", "access_keys", "policies", "users", "roles", "oidc_providers", "chained_session_duration",
    ])
    var account = Account(id: id)
    if let rate = try table.integer("requests_per_second") {
      guard (1...1_000_000).contains(rate) else { throw table.error("'requests_per_second' is 1 to 1000000") }
      account.requestsPerSecond = Int(rate)
    }
    account.chainedSessionSeconds = try table.seconds("chained_session_duration")
    for (name, provider) in try table.tables("oidc_providers") { account.add(try OIDCProvider(name, of: id, provider)) }
    let policies = try Self.policies(table.tables("policies"))
    for (name, user) in try table.tables("users") {
      try user.allow(["access_keys", "policies"])
      account.add(User(name: name, policies: try Self.attached(user, from: policies)))
      try addKeys(of: user, account: id, owner: .user(name))
    }
    for (name, role) in try table.tables("roles") {
      guard RoleReference.isRoleName(name) else {
        throw role.error("'\(name)' is not a role name: 1 to 64 letters, digits, '.' or '-'")
      }
      account.add(try Self.role(name, role, policies: policies))
    }
    add(account)
    try addKeys(of: table, account: id, owner: .root)
  }

  private mutating func addKeys(of table: TOMLTable, account: String, owner: AccessKey.Owner) throws(AccountModelError)
  {
    for key in try table.tableList("access_keys") {
      try key.allow(["id", "secret", "active"])
      guard let id = try key.string("id"), !id.isEmpty, let secret = try key.string("secret"), !secret.isEmpty else {
        throw key.error("an access key has 'id' and 'secret'")
      }
      guard !id.hasPrefix("STS."), keys[id] == nil else { throw key.error("access key '\(id)' is there already") }
      add(
        AccessKey(
          id: id, secret: secret, account: account, owner: owner, isActive: try key.boolean("active") ?? true))
    }
  }

  private static func policies(_ tables: [(name: String, table: TOMLTable)]) throws(AccountModelError) -> [String:
    Policy]
  {
    var policies = Policy.system
    for (name, table) in tables {
      try table.allow(["document"])
      guard let text = try table.string("document") else { throw table.error("a policy has a 'document'") }
      // RAM, CreatePolicy: 6144 characters.
      guard text.count <= 6144, let policy = Policy(text, kind: .identity) else {
        throw table.error(
          "policy '\(name)' is longer than 6144 characters, or not in RAM's grammar, or has a condition whose value can't be read"
        )
      }
      policies[name] = policy
    }
    return policies
  }

  private static func attached(_ table: TOMLTable, from policies: [String: Policy]) throws(AccountModelError)
    -> [Policy]
  {
    var attached: [Policy] = []
    for name in try table.strings("policies") {
      guard let policy = policies[name] else { throw table.error("there is no policy '\(name)'") }
      attached.append(policy)
    }
    return attached
  }

  private static func role(_ name: String, _ table: TOMLTable, policies: [String: Policy]) throws(AccountModelError)
    -> Role
  {
    try table.allow(["trust", "trust_policy", "policies", "max_session_duration", "issued_lifetime", "token_length"])
    let maximum = try table.seconds("max_session_duration") ?? Role.sessionDurations.lowerBound
    guard Role.sessionDurations.contains(maximum) else { throw table.error("'max_session_duration' is 1h to 12h") }
    let issued = try table.seconds("issued_lifetime")
    guard issued ?? 1 > 0 else { throw table.error("'issued_lifetime' is at least 1s") }
    let length = try table.integer("token_length")
    guard length.map({ (1...TokenSeal.mostLength).contains(Int($0)) }) ?? true else {
      throw table.error("'token_length' is 1 to \(TokenSeal.mostLength)")
    }
    return Role(
      name: name, trust: try trust(table), policies: try attached(table, from: policies), maxSessionSeconds: maximum,
      issuedLifetimeSeconds: issued, tokenLength: length.map { Int($0) })
  }

  private static func trust(_ table: TOMLTable) throws(AccountModelError) -> Policy {
    let callers = try table.strings("trust")
    guard let text = try table.string("trust_policy") else {
      guard !callers.isEmpty else { throw table.error("a role has 'trust' or 'trust_policy'") }
      return Policy(trusting: callers)
    }
    guard callers.isEmpty, let policy = Policy(text, kind: .trust) else {
      throw table.error(
        "'trust_policy' is not in RAM's grammar, has a condition whose value can't be read, or stands beside 'trust'")
    }
    return policy
  }
}

extension Policy {
  /// The system policies that occur here.
  static let system: [String: Policy] = [
    "AdministratorAccess": Policy(allowing: "*"),
    "AliyunSTSAssumeRoleAccess": Policy(allowing: "sts:AssumeRole"),
    "AliyunVODFullAccess": Policy(allowing: "vod:*"),
    "AliyunVODUploadAuth": Policy(
      allowing: "vod:CreateUploadVideo", "vod:RefreshUploadVideo", "vod:CreateUploadImage"),
  ]

  /// Allows `actions` on everything.
  package init(allowing actions: String...) {
    self.init(statements: [
      PolicyStatement(
        effect: .allow, actions: .these(actions), resources: .these(["*"]), principals: nil, conditions: [])
    ])
  }

  /// The trust policy for `callers`, such as `acs:ram::…:root`.
  package init(trusting callers: [String]) {
    self.init(statements: [
      PolicyStatement(
        effect: .allow, actions: .these(["sts:AssumeRole"]), resources: nil, principals: ["RAM": callers],
        conditions: [])
    ])
  }
}
