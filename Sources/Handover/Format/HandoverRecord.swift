package import Core
package import Refresh
package import Settings

/// One entry of what a process leaves to the next. A later one replaces an earlier one about the same thing.
///
/// None holds an AccessKey's secret.
package enum HandoverRecord {
  case role(HandoverRole)
  /// What has changed in a role whose record is in the store; of any other it says nothing.
  case rotation(HandoverRotation)
  /// A session that the role's latest record before it names.
  case session(HandoverSession)
  /// STS no longer accepts the session of this AccessKeyId, which ends at `expiration`: no process hands it out again.
  case condemned(accessKeyID: String, expiration: UTCTime)
  /// The settings no longer have the role; one of its name goes on above `generation`.
  case roleRemoved(RoleName, generation: UInt64)
  /// Roles of which nothing is known go on above this generation.
  case generationFloor(UInt64)
  case clock(ServerClock.Estimate)
  case proof(HandoverProof)
  /// A file of the settings of this number, which are in force from their `settingsInForce` on; or what follows in it, where the record before
  /// has the same path.
  case settingsFile(number: UInt32, SettingsContent.File)
  /// The names in a directory of settings, of those of this number.
  case settingsDirectory(number: UInt32, SettingsContent.Directory)
  /// The settings of this number are complete, with so many records.
  case settingsInForce(number: UInt32, records: UInt32)
  /// A unit's invocation has this session of a role; nothing counts any more that an earlier invocation of the unit had.
  case unitSession(HandoverUnitSession)
}

/// A role as far as the next process has to know it.
package struct HandoverRole: Hashable, Sendable {
  /// What its sessions were issued for.
  package struct Origin: Hashable, Sendable {
    package var arn: String
    /// SHA-256 of the session policy as it is sent, in hexadecimal digits; nil without one.
    package var policyDigest: String?
    /// As the settings have it, with its places.
    package var sessionName: String
    package var externalID: String?
    package var source: String

    package init(arn: String, policyDigest: String?, sessionName: String, externalID: String?, source: String) {
      self.arn = arn
      self.policyDigest = policyDigest
      self.sessionName = sessionName
      self.externalID = externalID
      self.source = source
    }
  }

  package var origin: Origin
  package var rotation: HandoverRotation
  package var name: RoleName { rotation.role }

  package init(origin: Origin, rotation: HandoverRotation) {
    self.origin = origin
    self.rotation = rotation
  }
}

/// What changes of a role with each rotation.
package struct HandoverRotation: Hashable, Sendable {
  package let role: RoleName
  /// The number of the latest rotation that readers may have seen.
  package var generation: UInt64
  /// The numbers of the sessions that it holds, in the order in which they were issued; it has no others any more.
  package var held: [UInt64]
  /// The number of the session that is handed out under this generation; nil when none is.
  package var published: UInt64?
  /// How many sessions were issued, for `{slot}`.
  package var issued: UInt64

  package init(role: RoleName, generation: UInt64, held: [UInt64], published: UInt64?, issued: UInt64) {
    self.role = role
    self.generation = generation
    self.held = held
    self.published = published
    self.issued = issued
  }
}

/// A session that a unit has had in the invocation in which it runs, be it still its role's or not.
package struct HandoverUnitSession {
  package let unit: UnitName
  /// The ID of the invocation (systemd.exec(5), $INVOCATION_ID).
  package let invocation: String
  /// The generation under which it was handed out; nil for one that was never published.
  package let generation: UInt64?
  package let session: HandoverSession

  package init(unit: UnitName, invocation: String, generation: UInt64?, session: HandoverSession) {
    self.unit = unit
    self.invocation = invocation
    self.generation = generation
    self.session = session
  }
}

/// What STS has said of a source's AccessKey. Its secret isn't here.
package struct HandoverProof: Hashable, Sendable {
  package var source: String
  package var accessKeyID: String
  package var since: Timestamp
  package var proven: Timestamp
  package var lastAccepted: Timestamp?
  /// Whose it is; nil while that isn't known.
  package var arn: String?
  package var userID: String?

  package init(
    source: String, accessKeyID: String, since: Timestamp, proven: Timestamp, lastAccepted: Timestamp?, arn: String?,
    userID: String?
  ) {
    self.source = source
    self.accessKeyID = accessKeyID
    self.since = since
    self.proven = proven
    self.lastAccepted = lastAccepted
    self.arn = arn
    self.userID = userID
  }
}
