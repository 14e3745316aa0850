/// Why an attempt to fetch a session failed, sorted by what is done next.
///
/// Which code of the cloud falls into which class is the error table of `CloudAPI`; how long each class waits is `Backoff`.
package struct Failure: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The network, a proxy or the server failed: tried again soon, with jitter.
    case transient
    /// The account's quota is used up; `wait` is what the server requested, nil if it requested none.
    case throttled(wait: Duration?)
    /// Something a person has to fix (a permission, a role, a key, a parameter): tried again slowly.
    case permanent
    /// The request's date was too far from the server's time: tried again at once with the server's time, then as `transient`.
    case skew
    /// The nonce was used before: tried again at once with a new one, then as `transient`.
    case nonceUsed
    /// The identity that signed has expired: the source renews it and it is tried again at once, then as `permanent`.
    case identityLapsed
  }

  package private(set) var kind: Kind
  /// The cloud's error code (`NoPermission`), or a code of our own for a transport failure (`ConnectTimeout`).
  package let code: String
  /// The status of the answer; nil if there was no answer.
  package let httpStatus: Int?
  /// The RequestId by which the vendor's support finds the call; nil when the answer named none.
  package let requestID: String?
  /// The wait that the server or a proxy requested (`Retry-After`), of which 5 minutes count; nil if it requested none.
  package private(set) var notBefore: Duration?
  /// A hint for the operator, less than a sentence; never quotes the cloud's message, which may quote our request.
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

  /// This failure without the requested wait.
  package var withoutWait: Failure {
    var failure = self
    failure.notBefore = nil
    if case .throttled = kind { failure.kind = .throttled(wait: nil) }
    return failure
  }

  /// The most that counts of a requested wait, so that "in a day" doesn't let a host's sessions lapse.
  package static let longestRequestedWait = Duration.minutes(5)

  /// The wait that the server or a proxy requested, from `notBefore` or `throttled`; at most `longestRequestedWait`.
  package var requestedWait: Duration? {
    var asked = notBefore
    if case .throttled(.some(let wait)) = kind { asked = max(asked ?? .zero, wait) }
    return asked.map { min(max($0, .zero), Self.longestRequestedWait) }
  }
}

/// Codes of transport failures that other targets compare with.
package enum TransportFailureCode {
  /// The server's certificate didn't verify.
  package static let untrusted = "TLSVerification"
  /// This process had no thread, descriptor or memory for a request.
  package static let noResources = "NoResources"
}
