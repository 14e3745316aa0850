import Core

/// Why a call to VOD or OSS came to nothing, sorted by what the upload does next.
package struct CallFailure: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The service had no capacity and did nothing; `wait` is what it asked for, nil if it asked for none.
    case throttled(wait: Duration?)
    /// The request didn't reach the service, or not to its end, so it did nothing.
    case unreached
    /// No answer, or one that says nothing of the outcome (5xx): the service may have done what was asked.
    case lost
    /// The date was too far from the server's: nothing was done, and a new request may go at once.
    case stale
    /// What signed has expired (SecurityTokenExpired).
    case expired
    /// What signed isn't known (InvalidAccessKeyId), which is how an expired credential may look as well.
    case keyUnknown
    /// The credential lacks the right to this call.
    case denied
    /// VOD knows no such video.
    case unknownVideo
    /// VOD has this ReferenceId already.
    case referenceTaken
    /// OSS knows no such multipart upload: it was aborted or completed.
    case noSuchUpload
    /// OSS has the object already, and the request wasn't to overwrite it.
    case objectExists
    /// Part numbers or ETags aren't those that OSS has.
    case invalidPart
    /// The bytes arrived otherwise than they were sent.
    case damaged
    /// The file is another one than when it was taken up, so its bytes are no longer those of one video.
    case fileChanged
    /// The file is what it was, and its name stands for another one.
    case fileMoved
    /// The file can't be read.
    case fileUnreadable
    /// Any other refusal.
    case refused
  }

  package let kind: Kind
  /// The service's error code, or one of ours; of a connection what became of it.
  package let code: String
  /// What happened where the code alone doesn't say so, less than a sentence.
  package let detail: String?
  /// nil where there was no answer, or it named none.
  package let requestID: String?
  /// What a person can do, less than a sentence; nil when there is nothing.
  package let remedy: String?
  /// Whether the request was sent a second time, so that this answer says nothing of the first (libcurl does so when a kept connection ends
  /// before the first byte of an answer).
  package var wasSentTwice = false
  /// The call to VOD that failed, such as `CreateUploadVideo`; nil of a request to OSS.
  package private(set) var call: String?
  /// The number of the part that failed; nil of another request.
  private(set) var part: Int?
  /// Whether it was to find out if an earlier CreateUploadVideo had made a video.
  private(set) var asksForVideo = false

  package init(_ kind: Kind, code: String, detail: String? = nil, requestID: String? = nil, remedy: String? = nil) {
    self.kind = kind
    self.code = code
    self.detail = detail
    self.requestID = requestID
    self.remedy = remedy
  }

  /// The same with something else to do.
  func with(remedy: String) -> CallFailure {
    var failure = CallFailure(kind, code: code, detail: detail, requestID: requestID, remedy: remedy)
    failure.wasSentTwice = wasSentTwice
    failure.call = call
    failure.part = part
    failure.asksForVideo = asksForVideo
    return failure
  }

  /// The same, of that call.
  func of(_ call: FileUpload.Call) -> CallFailure {
    var failure = self
    failure.call = call.name
    if case .find = call { failure.asksForVideo = true }
    return failure
  }

  /// The same, of the part with that number.
  func ofPart(_ number: Int) -> CallFailure {
    var failure = self
    failure.part = number
    return failure
  }

  /// With more for a person to know, less than a sentence.
  func adding(_ text: String) -> CallFailure { with(remedy: remedy.map { "\($0); \(text)" } ?? text) }

  /// Whether the service may have done what was asked, although its answer says nothing of that.
  var mayHaveHappened: Bool { kind == .lost || wasSentTwice }
}
