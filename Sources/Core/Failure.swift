/// Why an attempt to fetch a session failed, sorted by what is done next.
///
/// Which code of the cloud falls into which class is the error table of `CloudAPI`; how long each class waits is `Backoff`.
package struct Failure: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The network, a proxy or the server's own trouble: tried again soon, with full jitter.
    case transient
    /// The account's quota is used up; `wait` is what the server asked for, nil when it named nothing.
    case throttled(wait: Duration?)
    /// Something a person has to fix (a permission, a role, a key, a parameter): tried again slowly.
    case permanent
    /// The request's date was too far from the server's time: again at once with the server's time, then as `transient`.
    case skew
    /// The nonce had been seen before: again at once with a new one.
    case nonceUsed
    /// The identity that signed has lapsed: the source is renewed first, once.
    case identityLapsed
  }

  package private(set) var kind: Kind
  /// The cloud's error code (`NoPermission`), or for failures on the way a word of ours (`ConnectTimeout`).
  package let code: String
  /// The status of the answer; nil when there was none.
  package let httpStatus: Int?
  /// The RequestId by which the vendor's support finds the call; nil when the answer named none.
  package let requestID: String?
  /// How long whoever answered asked to be left alone; no attempt is made before. nil when nothing was said.
  package private(set) var notBefore: Duration?
  /// What a person can do about it, in half a sentence; never quotes the cloud's message, which may quote our request.
  package let advice: String

  package init(
    _ kind: Kind, code: String, httpStatus: Int? = nil, requestID: String? = nil, notBefore: Duration? = nil,
    advice: String
  ) {
    self.kind = kind
    self.code = code
    self.httpStatus = httpStatus
    self.requestID = requestID
    self.notBefore = notBefore
    self.advice = advice
  }

  /// The same without the wait that the peer asked for.
  package var withoutWait: Failure {
    var failure = self
    failure.notBefore = nil
    if case .throttled = kind { failure.kind = .throttled(wait: nil) }
    return failure
  }

  /// What counts at most of a wait that a peer asks for: one that says "in a day" doesn't let a host run dry.
  package static let longestRequestedWait = Duration.minutes(5)

  /// The wait that the peer asked for, in whatever way it said so; at most `longestRequestedWait`.
  package var requestedWait: Duration? {
    var asked = notBefore
    if case .throttled(.some(let wait)) = kind { asked = max(asked ?? .zero, wait) }
    return asked.map { min(max($0, .zero), Self.longestRequestedWait) }
  }
}

/// The codes of failures on the way to the cloud that others look for.
package enum TransportFailureCode {
  /// The server's certificate didn't verify.
  package static let untrusted = "TLSVerification"
  /// This process had no thread, descriptor or memory for a request.
  package static let noResources = "NoResources"
}
