/// Why a call of VOD failed, sorted by what is done next.
package struct VODFailure: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The account's quota is used up; `wait` is what the server requested, nil if it requested none.
    case throttled(wait: Duration?)
    /// The network, a proxy or the service failed.
    case transient
    /// The session has no permission for this call.
    case denied
    /// There is no video with that id.
    case unknownVideo
    /// There is already a video with that ReferenceId. The code for that isn't documented, so this may be something else.
    case referenceTaken
    /// The session that signed has expired or was revoked.
    case credentialLapsed
    /// The request's date was too far from the server's time.
    case skew
    /// The nonce was used before.
    case nonceUsed
    /// Another failure that a further attempt wouldn't change.
    case permanent
  }

  package let kind: Kind
  /// The service's code, or one of ours for an answer that can't be read.
  package let code: String
  package let httpStatus: Int
  /// Nil if the answer has none.
  package let requestID: String?
  /// The wait requested by `Retry-After`, of which five minutes count; nil if none was requested.
  package let notBefore: Duration?
  /// What a person can do, less than a sentence; never quotes the service's message.
  package let remedy: String

  package init(
    _ kind: Kind, code: String, httpStatus: Int, requestID: String? = nil, notBefore: Duration? = nil, remedy: String
  ) {
    self.kind = kind
    self.code = code
    self.httpStatus = httpStatus
    self.requestID = requestID
    self.notBefore = notBefore
    self.remedy = remedy
  }
}
