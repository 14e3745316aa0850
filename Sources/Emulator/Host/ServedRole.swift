/// A role whose sessions a service of a host hands out as credential documents.
package struct ServedRole: Sendable {
  let role: RoleReference
  let arn: String
  /// How long a session is valid, in seconds; less if the role's `issued_lifetime` says so.
  var lifetimeSeconds: Int64
  /// A session with no more than this left, in seconds, is replaced at the next request.
  var renewBeforeSeconds: Int64

  /// Nil if `arn` isn't a role's.
  package init?(arn: String, lifetimeSeconds: Int64 = 3600, renewBeforeSeconds: Int64 = 600) {
    guard let role = RoleReference(arn) else { return nil }
    self.role = role
    self.arn = arn
    self.lifetimeSeconds = lifetimeSeconds
    self.renewBeforeSeconds = renewBeforeSeconds
  }

  /// Reads `role`, `lifetime` and `renew_before`; nil without `role`.
  init?(_ table: TOMLTable, lifetimeSeconds: Int64, renewBeforeSeconds: Int64) throws(AccountModelError) {
    guard let arn = try table.string("role") else { return nil }
    guard RoleReference(arn) != nil else { throw table.error("'role' is not a role's ARN") }
    let lifetime = try table.seconds("lifetime") ?? lifetimeSeconds
    guard (1...604_800).contains(lifetime) else { throw table.error("'lifetime' is 1s to 168h") }
    let renewal = try table.seconds("renew_before") ?? renewBeforeSeconds
    self.init(arn: arn, lifetimeSeconds: lifetime, renewBeforeSeconds: renewal)
  }
}

/// The session that such a service hands out at the moment.
struct ServedSession: Sendable {
  private var current: (session: RoleSession, issued: WallTime)?

  /// Makes the next request get a new session, long before the end of the current one.
  mutating func renew() { current = nil }

  /// A credential document. `isLapsed` makes it one whose session ended a minute ago.
  mutating func document(
    _ served: ServedRole, named name: String, isLapsed: Bool, in model: AccountModel, mint: TokenMint, at now: WallTime
  ) -> Fields {
    if isLapsed {
      let start = now.advanced(bySeconds: -60 - served.lifetimeSeconds)
      return Self.fields(Self.session(of: served, named: name, in: model, mint: mint, at: start), mint, issued: start)
    }
    if let current, current.session.role == served.role.name, current.session.account == served.role.account,
      current.session.expires > now.advanced(bySeconds: served.renewBeforeSeconds)
    {
      return Self.fields(current.session, mint, issued: current.issued)
    }
    let session = Self.session(of: served, named: name, in: model, mint: mint, at: now)
    current = (session, now)
    return Self.fields(session, mint, issued: now)
  }

  private static func session(
    of served: ServedRole, named name: String, in model: AccountModel, mint: TokenMint, at now: WallTime
  ) -> RoleSession {
    let shortest = model.role(served.role.name, in: served.role.account)?.issuedLifetimeSeconds ?? .max
    return RoleSession(
      keyID: mint.newKeyID(), account: served.role.account, role: served.role.name, name: name,
      expires: WallTime(seconds: now.seconds + min(served.lifetimeSeconds, shortest)))
  }

  private static func fields(_ session: RoleSession, _ mint: TokenMint, issued: WallTime) -> Fields {
    [
      "AccessKeyId": .text(session.keyID), "AccessKeySecret": .text(mint.secret(forKeyID: session.keyID)),
      "Expiration": .text(session.expires.isoText), "SecurityToken": .text(mint.token(for: session)),
      "LastUpdated": .text(issued.isoText), "Code": .text("Success"),
    ]
  }
}
