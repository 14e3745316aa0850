package import CloudAPI
package import Core

extension KeySuccession {
  package enum Event {
    /// This key is in the file.
    case found(AccessKey)
    /// The answer to a GetCallerIdentity requested by an effect.
    case answered(InquiryID, STSAnswer<CallerIdentity>)
    /// AssumeRole issued a session to the signer with this key.
    case accepted(AccessKey)
    /// The file has no usable key.
    case lost
    /// AssumeRole knows this key, but its owner may not assume a role: the owner's identity is part of the explanation.
    case denied(AccessKey)
    /// AssumeRole refused this key itself: unknown, disabled, or its secret wrong.
    case refused(AccessKey, Failure)
    case timerFired
    /// A person may have changed something in the cloud: a reload.
    case retryRequested
    /// Whether the source signs only while a tier is away, so that no session shows whether STS still accepts its key.
    case standsBy(Bool)
  }

  package enum Effect {
    /// Call GetCallerIdentity, signed with this key.
    case ask(InquiryID, AccessKey)
    case abandon(InquiryID)
    /// Send `timerFired` at this time; nil: not at all.
    case arm(Timestamp?)
    /// Another key signs from now on, or STS has accepted the current one after refusing it.
    case keyChanged
    /// AssumeRole has accepted the current key after refusing it for a while.
    case acceptedAgain
    case report(Report)
  }

  /// Events to log.
  package enum Report {
    /// The first key, which signs at once.
    case first
    /// Another key was found; the current one signs until it is proven.
    case proving(candidate: AccessKey)
    /// The key signs from now on: proven, or unproven because the one before is refused.
    case changed(isProven: Bool)
    /// The proof failed; `next` is the time until the next attempt.
    case notTaken(candidate: AccessKey, Failure, next: Duration)
    /// The file has the current key again, and the other one is gone.
    case candidateGone
    /// The key on trial is no longer in the file, which has no other usable key.
    case candidateLost
    /// The owner of the current key, which is of interest because it may not assume a role.
    case identified(CallerIdentity)
    /// The current key's owner differs from the previous key's.
    case otherIdentity(before: CallerIdentity, now: CallerIdentity)
    /// The current key's owner; the previous one's was never known.
    case identityNotCompared(now: CallerIdentity)
    /// AssumeRole has issued the first session to the current key.
    case accepted
  }

  package struct InquiryID: Hashable, Sendable { let number: UInt64 }
}
