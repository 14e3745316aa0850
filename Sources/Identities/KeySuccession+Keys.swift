package import CloudAPI
package import Core

extension KeySuccession {
  /// The signing key.
  package struct Current {
    package let key: AccessKey
    package private(set) var since: Timestamp
    /// When STS first accepted it, by GetCallerIdentity or by AssumeRole; nil until then.
    package internal(set) var proven: Timestamp?
    package internal(set) var lastAccepted: Timestamp?
    /// Why STS refuses it now.
    package internal(set) var refusal: TimedFailure?
    /// Its owner, by GetCallerIdentity; nil until that is known.
    package internal(set) var identity: CallerIdentity?
    /// Whether it may not assume a role, so that its owner should be logged.
    var isDenied = false
    /// When to ask for its owner; nil if that is known, or not worth a call yet.
    var nextInquiry: Timestamp?
    var lastInquiry: Timestamp?
    var backoff = Backoff()

    mutating func take(_ proof: KeyProof) {
      since = proof.since
      proven = proof.proven
      lastAccepted = proof.lastAccepted
      identity = proof.identity
    }

    /// The part of the id that may be shown.
    package var shownID: String? { proven == nil ? key.maskedID : key.id }
  }

  /// A key that was found and doesn't sign yet.
  package struct Candidate {
    package let key: AccessKey
    package let since: Timestamp
    /// Why it isn't used; nil while its first proof is under way.
    package internal(set) var failure: TimedFailure?
    /// Whether STS has refused the key itself: then it never signs unproven.
    package internal(set) var isRefused = false
    var nextProof: Timestamp
    var backoff = Backoff()
  }

  package struct TimedFailure {
    package let failure: Failure
    package let since: Timestamp
  }
}
