package import CloudAPI
package import Core

/// STS's verdict on an AccessKey, for a later process that reads the same key. Without the key's secret.
package struct KeyProof: Hashable, Sendable {
  package let accessKeyID: String
  /// Since when the key signs.
  package let since: Timestamp
  /// When STS first accepted it.
  package let proven: Timestamp
  package let lastAccepted: Timestamp?
  /// The key's owner; nil if it isn't known.
  package let identity: CallerIdentity?

  package init(
    accessKeyID: String, since: Timestamp, proven: Timestamp, lastAccepted: Timestamp?, identity: CallerIdentity?
  ) {
    self.accessKeyID = accessKeyID
    self.since = since
    self.proven = proven
    self.lastAccepted = lastAccepted
    self.identity = identity
  }

  /// The same, from its recorded parts; `userID` is nil without `arn`.
  package init(
    accessKeyID: String, since: Timestamp, proven: Timestamp, lastAccepted: Timestamp?, arn: String?, userID: String?
  ) {
    self.init(
      accessKeyID: accessKeyID, since: since, proven: proven, lastAccepted: lastAccepted,
      identity: arn.map { CallerIdentity(arn: $0, userID: userID) })
  }

  package var arn: String? { identity?.arn }
  package var userID: String? { identity?.userID }
}

/// A process's knowledge of a source's key at its start.
package enum KeyMemory: Hashable, Sendable {
  /// No sessions were handed over: AssumeRole is called at once, and proves the key.
  case nothing
  /// An earlier process handed its sessions over, so AssumeRole may not be called for a while; with the proof of that process's key,
  /// if there was one.
  case inherited(KeyProof?)
}
