package import CloudAPI
package import Core

/// What is asked of one machine of a tier.
package enum TierQuery: Hashable {
  /// The bundle; `etag` is that of the one that is held. With `wait`, the answer comes when a session in it was condemned, or after so long.
  case bundle(etag: String?, wait: Duration?)
  /// A session that STS doesn't know any more: the tier looks at it, too.
  case report(role: RoleName, accessKeyID: String)
}

/// What one machine of a tier answered.
package enum TierAnswer {
  /// Another bundle than the one that is held.
  case bundle(Bundle, etag: String?)
  /// The same one; `refreshAfter` is nil if the answer doesn't say.
  case unchanged(refreshAfter: Duration?)
  /// The report was taken.
  case reported
  case failed(Failure)
}

/// An answer, and what is needed to judge the times in it.
package struct TierReply {
  package let answer: TierAnswer
  /// When the request was sent.
  package let sent: Timestamp
  /// The `Date` of the answer; nil if there is none that reads.
  package let date: UTCTime?

  package init(_ answer: TierAnswer, sent: Timestamp, date: UTCTime?) {
    (self.answer, self.sent, self.date) = (answer, sent, date)
  }
}

/// Asks the machines of a tier, without ever blocking.
package protocol TierConnection: AnyObject {
  /// Calls `completion` once, in a later turn, if the returned object is kept; releasing it cancels the request. `url` is
  /// `https://HOST[:PORT]`.
  func ask(_ query: TierQuery, at url: String, _ completion: @escaping (TierReply) -> Void) -> AnyObject
}
