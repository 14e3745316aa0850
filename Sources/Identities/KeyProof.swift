package import CloudAPI
package import Core

/// What STS has said of an AccessKey, for a process that reads the same key again. Without the key's secret.
package struct KeyProof: Hashable, Sendable {
  package let accessKeyID: String
  /// Since when it signs.
  package let since: Timestamp
  /// When STS first accepted it.
  package let proven: Timestamp
  package let lastAccepted: Timestamp?
  /// Whose it is; nil while that isn't known.
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

  /// The same from what it is recorded as; `userID` is nil without `arn`.
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

/// What a process knows of a source's key when it starts.
package enum KeyMemory: Hashable, Sendable {
  /// Nothing was handed over: AssumeRole is called at once, and proves the key.
  case nothing
  /// An earlier process handed its sessions over, so that AssumeRole may not be called for a while; with the proof of that process's key,
  /// if there was one.
  case inherited(KeyProof?)
}
