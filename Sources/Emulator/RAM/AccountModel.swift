/// The cloud's state before the first request: accounts, their content, and the behaviour of VOD, OSS and a host's services.
package struct AccountModel: Sendable {
  package private(set) var accounts: [String: Account] = [:]
  package var vod = VODSettings()
  package var oss = OSSSettings()
  package var metadata = MetadataSettings()
  package var credentialsURI = CredentialsURISettings()
  package var kms = KMSSettings()
  /// Every AccessKey by its id.
  private(set) var keys: [String: AccessKey] = [:]
  /// Sessions issued elsewhere, by SecurityToken and AccessKeyId, so that tokens made by others can be accepted.
  private var foreignSessions: [String: ForeignSession] = [:]
  private var hidden: RoleReference?
  private var revoked: String?

  package init() {}

  package mutating func add(_ account: Account) { accounts[account.id] = account }

  /// Adds or replaces a long-lived key.
  package mutating func add(_ key: AccessKey) { keys[key.id] = key }

  mutating func remove(key id: String) { keys[id] = nil }

  /// Accepts `token` with that key until the session expires.
  package mutating func add(_ session: RoleSession, token: String, secret: String) {
    foreignSessions["\(session.keyID) \(token)"] = ForeignSession(session: session, secret: secret)
  }

  func foreignSession(keyID: String, token: String) -> ForeignSession? { foreignSessions["\(keyID) \(token)"] }

  func role(_ name: String, in account: String) -> Role? {
    if let hidden, hidden.name == name, hidden.account == account { return nil }
    return accounts[account]?.roles[name]
  }

  /// The provider with this ARN, `acs:ram::ACCOUNT:oidc-provider/NAME`; nil if there is none.
  func oidcProvider(_ arn: String) -> OIDCProvider? {
    let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 5, arn.hasPrefix("acs:ram::"), parts[4].hasPrefix("oidc-provider/") else { return nil }
    return accounts[String(parts[3])]?.oidcProviders[String(parts[4].dropFirst("oidc-provider/".count))]
  }

  /// Makes an existing key count as disabled.
  mutating func disable(key id: String) { keys[id]?.isActive = false }

  /// Makes the session with this AccessKeyId count as revoked; for one request.
  mutating func revoke(session keyID: String) { revoked = keyID }

  func isRevoked(session keyID: String) -> Bool { revoked == keyID }

  /// Makes one role count as missing; for one request, without copying the roles.
  mutating func hide(_ role: RoleReference) { hidden = role }
}

struct ForeignSession: Sendable {
  let session: RoleSession
  let secret: String
}

package struct AccessKey: Sendable {
  package enum Owner: Sendable, Equatable {
    /// The account itself, which may not assume roles.
    case root
    case user(String)
  }

  package let id: String
  package let secret: String
  package let account: String
  package let owner: Owner
  package var isActive: Bool

  package init(id: String, secret: String, account: String, owner: Owner, isActive: Bool = true) {
    self.id = id
    self.secret = secret
    self.account = account
    self.owner = owner
    self.isActive = isActive
  }
}

package struct Account: Sendable {
  /// An account may send 100 requests a second to each API of STS in each region (the vendor's page "STS quotas"; the notice of
  /// September 2022 said per account).
  package static let usualRequestsPerSecond = 100

  package let id: String
  /// Of each API in each region.
  package var requestsPerSecond: Int
  /// The maximum life of a session that another session is the caller of, in seconds. The vendor's pages name none (?), AWS has one
  /// hour; nil for the role's own.
  package var chainedSessionSeconds: Int64?
  package var oidcProviders: [String: OIDCProvider] = [:]
  package var users: [String: User] = [:]
  package var roles: [String: Role] = [:]

  package init(id: String, requestsPerSecond: Int = usualRequestsPerSecond) {
    self.id = id
    self.requestsPerSecond = requestsPerSecond
  }

  package mutating func add(_ user: User) { users[user.name] = user }
  package mutating func add(_ role: Role) { roles[role.name] = role }
  package mutating func add(_ provider: OIDCProvider) { oidcProviders[provider.name] = provider }
}

package struct User: Sendable {
  package let name: String
  package var policies: [Policy]

  package init(name: String, policies: [Policy] = []) {
    self.name = name
    self.policies = policies
  }
}

package struct Role: Sendable {
  /// The allowed range and the default of a role's maximum, in seconds (RAM, CreateRole, MaxSessionDuration).
  package static let sessionDurations: ClosedRange<Int64> = 3600...43_200

  package let name: String
  package var trust: Policy
  package var policies: [Policy]
  /// The maximum that a caller may request.
  package var maxSessionSeconds: Int64
  /// A session's actual lifetime, if it is less than requested; nil grants the requested one.
  package var issuedLifetimeSeconds: Int64?
  /// The minimum length of its sessions' SecurityTokens in characters; nil for as many as needed.
  package var tokenLength: Int?

  package init(
    name: String, trust: Policy, policies: [Policy] = [], maxSessionSeconds: Int64 = sessionDurations.lowerBound,
    issuedLifetimeSeconds: Int64? = nil, tokenLength: Int? = nil
  ) {
    self.name = name
    self.trust = trust
    self.policies = policies
    self.maxSessionSeconds = maxSessionSeconds
    self.issuedLifetimeSeconds = issuedLifetimeSeconds
    self.tokenLength = tokenLength
  }
}

/// A role session: the content of a SecurityToken.
package struct RoleSession: Sendable, Equatable {
  package let keyID: String
  package let account: String
  package let role: String
  package let name: String
  package let expires: WallTime
  /// The session policy, which narrows the role's permissions.
  package let policy: String?
  package let sourceIdentity: String?

  package init(
    keyID: String, account: String, role: String, name: String, expires: WallTime, policy: String? = nil,
    sourceIdentity: String? = nil
  ) {
    self.keyID = keyID
    self.account = account
    self.role = role
    self.name = name
    self.expires = expires
    self.policy = policy
    self.sourceIdentity = sourceIdentity
  }
}
