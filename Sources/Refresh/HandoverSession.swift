package import Core
package import Secrets

/// A live session with its secrets, as one process hands it over to the next.
package struct HandoverSession {
  package let role: RoleName
  /// The session's own in the process that hands it over, above 0.
  package let number: UInt64
  /// Whether it is the longer one that readers requested, beside the pool.
  package let isReserved: Bool
  package let accessKeyID: String
  package let accessKeySecret: Secret
  package let securityToken: Secret
  package let expiration: UTCTime
  package let issued: UTCTime
  /// On the boot clock.
  package let sent: Timestamp
  package let asked: Duration
  /// When it ends as its process judged it, on the same clock: which of a role's sessions ends last is decided by that.
  package let expires: Timestamp

  package init(
    role: RoleName, number: UInt64, isReserved: Bool, accessKeyID: String, accessKeySecret: Secret,
    securityToken: Secret, expiration: UTCTime, issued: UTCTime, sent: Timestamp, asked: Duration, expires: Timestamp
  ) {
    self.role = role
    self.number = number
    self.isReserved = isReserved
    self.accessKeyID = accessKeyID
    self.accessKeySecret = accessKeySecret
    self.securityToken = securityToken
    self.expiration = expiration
    self.issued = issued
    self.sent = sent
    self.asked = asked
    self.expires = expires
  }
}

extension Session {
  /// The same session under this process's name for it.
  init(_ old: HandoverSession, id: SessionID) {
    self.init(
      id: id, accessKeyID: old.accessKeyID, expiration: old.expiration, issued: old.issued, sent: old.sent,
      asked: old.asked, expires: old.expires)
  }
}

extension Handout {
  /// Its session as the next process is to have it; the secrets are copies.
  package func handedOver(of role: RoleName) -> HandoverSession {
    let (secret, token) = secrets
    return HandoverSession(
      role: role, number: session.id.number, isReserved: false, accessKeyID: session.accessKeyID,
      accessKeySecret: secret, securityToken: token, expiration: session.expiration, issued: session.issued,
      sent: session.sent, asked: session.asked, expires: session.expires)
  }
}
