package import Core

/// Why a request to OSS failed, sorted by what is done next.
package struct OSSFailure: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The credential is over: a new one for the same object goes on with the same upload id.
    case credentialExpired
    /// The credential's key isn't known, which an expired one may be as well; after a second one with a new credential it is permanent.
    case keyUnknown
    case accessDenied
    /// The request's date was too far from the server's time.
    case skew
    /// The upload id was completed, aborted, or never was.
    case noSuchUpload
    /// An object of that name is there, which the request wasn't to overwrite.
    case objectExists
    /// A part in the list of Complete has another ETag, or isn't there.
    case invalidPart
    /// The body isn't what its Content-MD5 says.
    case invalidDigest
    /// A part other than the last has less than 100 KB.
    case entityTooSmall
    case throttled
    case transient
    case permanent
  }

  package let kind: Kind
  /// The service's code, or one of ours for an answer that can't be read.
  package let code: String
  package let httpStatus: Int
  /// nil when the answer named none.
  package let requestID: String?
  /// The vendor's number of the exact error, such as `0042-00000213`; nil when the answer has none.
  package let errorCode: String?
  /// The server's time at the answer; nil without a readable `Date`.
  package let serverTime: UTCTime?
  /// What a person can do, less than a sentence; never quotes the service's message, which may quote our request.
  package let remedy: String

  package init(
    _ kind: Kind, code: String, httpStatus: Int, requestID: String? = nil, errorCode: String? = nil,
    serverTime: UTCTime? = nil, remedy: String
  ) {
    self.kind = kind
    self.code = code
    self.httpStatus = httpStatus
    self.requestID = requestID
    self.errorCode = errorCode
    self.serverTime = serverTime
    self.remedy = remedy
  }
}
