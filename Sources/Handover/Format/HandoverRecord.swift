package import Core
package import Refresh
package import Settings

/// One record of what a process hands over to the next. It replaces earlier records about the same thing.
///
/// No record holds an AccessKey's secret.
package enum HandoverRecord {
  case role(HandoverRole)
  /// What has changed in a role whose record is in the store; ignored for any other role.
  case rotation(HandoverRotation)
  /// A session whose number is in the latest record of its role, which comes first.
  case session(HandoverSession)
  /// STS no longer accepts the session with this AccessKeyId, which expires at `expiration`: no process hands it out
  /// again.
  case condemned(accessKeyID: String, expiration: UTCTime)
  /// The role was removed from the settings. If a role with this name is added again, its generations continue above
  /// `generation`.
  case roleRemoved(RoleName, generation: UInt64)
  /// The generations of roles without a record continue above this one.
  case generationFloor(UInt64)
  case clock(ServerClock.Estimate)
  case proof(HandoverProof)
  /// A file of the settings with this number, which are in force only after their `settingsInForce`. If the record
  /// before has the same path, this is the next part of the same file.
  case settingsFile(number: UInt32, SettingsContent.File)
  /// The file names in a directory of the settings with this number.
  case settingsDirectory(number: UInt32, SettingsContent.Directory)
  /// The settings with this number are complete; they have this many records.
  case settingsInForce(number: UInt32, records: UInt32)
  /// A unit's invocation has this session of a role; nothing counts any more that an earlier invocation of the unit had.
  case unitSession(HandoverUnitSession)
  /// The services in a role's `refresh_units` have to be reloaded for this generation.
  case reloadDue(RoleName, generation: UInt64)
  /// One of them needs no reload for it any more.
  case unitReloaded(RoleName, generation: UInt64, UnitName)
  /// None of them does.
  case reloadOver(RoleName)
  /// The record of a role, a rotation, a session or a removal, but of the session that this shard of other hosts shares (`SessionKey.shard`).
  indirect case ofShard(Int, HandoverRecord)
}

/// What the next process needs to know about a role.
package struct HandoverRole: Hashable, Sendable {
  /// The parameters for which its sessions were issued.
  package struct Origin: Hashable, Sendable {
    package var arn: String
    /// SHA-256 of the session policy as it is sent, in hexadecimal digits; nil without one.
    package var policyDigest: String?
    /// The template as the settings have it, with its placeholders.
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

/// The part of a role's state that changes with each rotation.
package struct HandoverRotation: Hashable, Sendable {
  package let role: RoleName
  /// The number of the latest rotation that readers may have seen.
  package var generation: UInt64
  /// The numbers of the sessions that the role holds, in the order in which they were issued; all others are gone.
  package var held: [UInt64]
  /// The number of the session that is handed out under this generation; nil if none is.
  package var published: UInt64?
  /// The number of sessions issued so far, for `{slot}`.
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

/// The result of verifying a source's AccessKey; without its secret.
package struct HandoverProof: Hashable, Sendable {
  package var source: String
  package var accessKeyID: String
  package var since: Timestamp
  package var proven: Timestamp
  package var lastAccepted: Timestamp?
  /// The ARN of the key's owner; nil until it is known.
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
