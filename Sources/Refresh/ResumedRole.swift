package import Core
package import Secrets

/// A role as an earlier process of the daemon left it.
package struct ResumedRole {
  package struct Session {
    package let accessKeyID: String
    package let accessKeySecret: Secret
    package let securityToken: Secret
    package let expiration: UTCTime
    package let issued: UTCTime
    package let sent: Timestamp
    package let asked: Duration
    package let expires: Timestamp
    /// Whether it is the longer one that readers requested.
    package let isReserved: Bool
    /// Whether plain reads got it.
    package let isPublished: Bool

    package init(
      accessKeyID: String, accessKeySecret: Secret, securityToken: Secret, expiration: UTCTime, issued: UTCTime,
      sent: Timestamp, asked: Duration, expires: Timestamp, isReserved: Bool, isPublished: Bool
    ) {
      self.accessKeyID = accessKeyID
      self.accessKeySecret = accessKeySecret
      self.securityToken = securityToken
      self.expiration = expiration
      self.issued = issued
      self.sent = sent
      self.asked = asked
      self.expires = expires
      self.isReserved = isReserved
      self.isPublished = isPublished
    }
  }

  /// The latest number that readers know.
  package let generation: UInt64
  /// Whether nobody can have published a later one. If somebody can, the role goes on above what else is known.
  package let isGenerationExact: Bool
  /// How many sessions were issued, for `{slot}`.
  package let issued: Int
  /// In the order in which they were issued; at most one is reserved.
  package let sessions: [Session]
  /// Whether the settings request sessions in another way by now: these stay good, and the next one is fetched at once.
  package let isRequestChanged: Bool

  package init(
    generation: UInt64, isGenerationExact: Bool, issued: Int, sessions: [Session], isRequestChanged: Bool
  ) {
    self.generation = generation
    self.isGenerationExact = isGenerationExact
    self.issued = issued
    self.sessions = sessions
    self.isRequestChanged = isRequestChanged
  }
}
