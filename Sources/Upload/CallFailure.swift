import Core

/// Why a call to VOD or OSS failed, sorted by what the upload does next.
package struct CallFailure: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The service was overloaded and did nothing; `wait` is the wait that it requested, nil if none.
    case throttled(wait: Duration?)
    /// The service didn't get the whole request, so it did nothing.
    case unreached
    /// No answer, or one that doesn't show the outcome (5xx): the service may have carried out the request.
    case lost
    /// The request's date was too far from the server's time: nothing was done, and a new request may be sent at once.
    case stale
    /// The signing credential has expired (SecurityTokenExpired).
    case expired
    /// The signing AccessKeyId isn't known (InvalidAccessKeyId); an expired credential may look like that, too.
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
    /// The received bytes differ from those that were sent.
    case damaged
    /// The file has changed since it was opened, so the video would be a mixture.
    case fileChanged
    /// The file is what it was, and its name stands for another one.
    case fileMoved
    /// The file can't be read.
    case fileUnreadable
    /// Any other refusal.
    case refused
  }

  package let kind: Kind
  /// The service's error code, or one of ours for a failed connection.
  package let code: String
  /// What happened, if the code alone doesn't say so; a phrase.
  package let detail: String?
  /// Nil without an answer, or if it has none.
  package let requestID: String?
  /// What a person can do, as a phrase; nil if nothing.
  package let remedy: String?
  /// Whether the request was sent twice, so that this answer doesn't show the outcome of the first one. libcurl repeats
  /// a request when a reused connection ends before the first byte of an answer.
  package var wasSentTwice = false
  /// The call to VOD that failed, such as `CreateUploadVideo`; nil for a request to OSS.
  package private(set) var call: String?
  /// The number of the part that failed; nil for other requests.
  private(set) var part: Int?
  /// Whether the call was to find out if an earlier CreateUploadVideo has created a video, and didn't.
  private(set) var asksForVideo = false

  package init(_ kind: Kind, code: String, detail: String? = nil, requestID: String? = nil, remedy: String? = nil) {
    self.kind = kind
    self.code = code
    self.detail = detail
    self.requestID = requestID
    self.remedy = remedy
  }

  /// The same failure with another remedy.
  func with(remedy: String) -> CallFailure {
    var failure = CallFailure(kind, code: code, detail: detail, requestID: requestID, remedy: remedy)
    failure.wasSentTwice = wasSentTwice
    failure.call = call
    failure.part = part
    failure.asksForVideo = asksForVideo
    return failure
  }

  /// The same failure, as one of this call.
  func of(_ call: FileUpload.Call) -> CallFailure {
    var failure = self
    failure.call = call.name
    // An answer whose credential has expired is one that names the video.
    if case .find = call { failure.asksForVideo = code != "AnswerExpired" }
    return failure
  }

  /// The same failure, as one of the part with this number.
  func ofPart(_ number: Int) -> CallFailure {
    var failure = self
    failure.part = number
    return failure
  }

  /// The same failure with a phrase added to the remedy.
  func adding(_ text: String) -> CallFailure { with(remedy: remedy.map { "\($0); \(text)" } ?? text) }

  /// Whether the service may have carried out the request, although the answer doesn't show it.
  var mayHaveHappened: Bool { kind == .lost || wasSentTwice }
}
