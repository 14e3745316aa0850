/// The meaning of the codes of VOD and its gateway for an upload: the class of failure, and what a person can do.
///
/// The codes are those of the VOD API reference (CreateUploadVideo, RefreshUploadVideo, GetMezzanineInfo: error codes) and of the
/// vendor's pages on common errors. A row is found by its full code, otherwise by the family that it begins with, otherwise by a
/// word in it, otherwise by the answer's HTTP status.
package enum VODErrorTable {
  package struct Row: Sendable {
    enum Match: Sendable {
      case code(String)
      /// All codes with this beginning.
      case family(String)
      /// All codes that contain this, if no family matches.
      case containing(String)
    }

    let match: Match
    package let kind: VODFailure.Kind
    package let remedy: String

    init(_ match: Match, _ kind: VODFailure.Kind, _ remedy: String) {
      self.match = match
      self.kind = kind
      self.remedy = remedy
    }
  }

  static let rows: [Row] = [
    // Codes about the parameters
    Row(
      .code("InvalidFileName.Extension"), .permanent,
      "give the file an extension that VOD takes, such as .mp4; the list is in its overview of media upload"),
    Row(
      .code("IllegalCharacters"), .permanent,
      "take emoji and other unusual characters out of title, description and tags"),
    Row(.code("LengthExceededMax"), .permanent, "shorten title, description or tags to what the API allows"),
    Row(.code("TagsExceededMax"), .permanent, "give at most 16 tags"),
    Row(.code("InvalidTemplateGroupId.NotFound"), .permanent, "name a transcoding template group of this account"),
    Row(.family("InvalidWorkflowId"), .permanent, "name a workflow of this account"),
    Row(.family("InvalidStorage"), .permanent, "name a storage address of this account and region, or none"),
    Row(.family("InvalidApp"), .permanent, "name an application of this account, or none"),
    Row(.family("InvalidCate"), .permanent, "name a category of this account, or none"),

    // Codes about the video
    Row(.code("InvalidVideo.NotFound"), .unknownVideo, unknown),
    Row(.code("InvalidVideo.NoneExist"), .unknownVideo, unknown),
    Row(.code("InvalidVideoId.NotFound"), .unknownVideo, unknown),
    Row(.code("InvalidMedia.NotFound"), .unknownVideo, unknown),
    Row(.code("InvalidMediaId.NotFound"), .unknownVideo, unknown),
    Row(.code("InvalidReferenceId.NotFound"), .unknownVideo, unknown),
    Row(.code("ReferenceId.NotFound"), .unknownVideo, unknown),
    Row(.code("MediaNotFound"), .unknownVideo, unknown),
    Row(.code("VideoNotFound"), .unknownVideo, unknown),
    Row(.code("VideoNotExist"), .unknownVideo, unknown),
    Row(.code("EntityNotExist.Video"), .unknownVideo, unknown),
    // The answer for a ReferenceId that is taken isn't documented. Its form was checked before, so any other code about it may mean
    // that. A false positive costs a RefreshUploadVideo, a false negative would create a second video.
    Row(.containing("ReferenceId"), .referenceTaken, taken),
    Row(.containing("AlreadyExist"), .referenceTaken, taken),

    // Codes about permissions
    Row(
      .code("Forbidden.InitFailed"), .permanent,
      "open VOD in this region once in its console; the account's storage isn't set up there"),
    Row(.code("NoPermission"), .denied, denied),
    Row(.family("Forbidden"), .denied, denied),

    // Codes about the signing session, and of the gateway
    Row(.family("InvalidSecurityToken"), .credentialLapsed, lapsed),
    // Only sessions sign here, and VOD may not know an expired one any more.
    Row(.family("InvalidAccessKeyId"), .credentialLapsed, lapsed),
    Row(.code("MissingSecurityToken"), .permanent, "report this with the request id to the makers of vod-upload"),
    Row(.code("InvalidTimeStamp.Expired"), .skew, "set this host's clock; VOD allows 15 minutes of difference"),
    Row(.family("InvalidTimeStamp"), .permanent, "report this with the request id to the makers of vod-upload"),
    Row(.code("SignatureNonceUsed"), .nonceUsed, "run again; each request has a nonce of its own"),
    Row(
      .family("SignatureDoesNotMatch"), .permanent,
      "look for a proxy between here and VOD that changes requests, then give the request id to the vendor's support"),
    Row(
      .family("IncompleteSignature"), .permanent,
      "look for a proxy between here and VOD that changes requests, then give the request id to the vendor's support"),
    Row(.family("InvalidApi"), .permanent, "check --vod-endpoint; what answers there doesn't know this call"),
    Row(.family("InvalidAction"), .permanent, "check --vod-endpoint; what answers there doesn't know this call"),
    Row(.family("Throttling"), .throttled(wait: nil), throttled),

    // Codes about the service
    Row(.code("AddVideoFailed"), .transient, fails),
    Row(.family("InternalError"), .transient, fails),
    Row(.family("ServiceUnavailable"), .transient, fails),
    Row(
      .family("InvalidParameter"), .permanent, "check the options and the sidecar of the file; VOD refuses one of them"),
    Row(.family("Missing"), .permanent, "report this with the request id to the makers of vod-upload"),
  ]

  // Shown when no further attempt is made.
  private static let unknown =
    "the video was deleted, or is in another region: check --region; to upload it as a new video, use another journal"
  private static let taken = "run again; the video that an earlier run made is looked up"
  private static let denied = "allow this action in the policies of the role, and in its session policy if it has one"
  private static let lapsed =
    "newer sessions were refused as well: look at 'rolekeeper status', and at the role in the RAM console; then run again"
  private static let throttled = "lower --calls-per-second, and run again; all callers of the account share its quota"
  private static let fails =
    "VOD itself fails: run again later; if it lasts, give the request id to the vendor's support"

  /// The row for a code, or for the status if no row has the code.
  package static func row(forCode code: String, httpStatus: Int) -> Row {
    known(code) ?? unknown(httpStatus: httpStatus)
  }

  private static func known(_ code: String) -> Row? {
    rows.first { if case .code(code) = $0.match { true } else { false } }
      ?? rows.first { if case .family(let start) = $0.match { code.hasPrefix(start) } else { false } }
      ?? rows.first { if case .containing(let word) = $0.match { code.contains(word) } else { false } }
  }

  private static func unknown(httpStatus: Int) -> Row {
    switch httpStatus {
    case 429: Row(.family(""), .throttled(wait: nil), throttled)
    case 408: Row(.family(""), .transient, fails)
    case 400..<500: Row(.family(""), .permanent, "look the code up in the vendor's list of VOD error codes")
    default:
      Row(
        .family(""), .transient,
        "run again later; if it lasts, check --vod-endpoint and proxies on the way")
    }
  }

  /// The row for an answer that can't be used.
  static func row(for fault: AnswerFault, httpStatus: Int) -> Row {
    let kind: VODFailure.Kind = httpStatus == 429 ? .throttled(wait: nil) : .transient
    return switch fault {
    case .tooLong, .notJSON, .noCode:
      Row(
        .family(""), kind, "what came isn't in the form of VOD's answers: check --vod-endpoint and proxies on the way")
    case .missing(let field):
      Row(.family(""), kind, "the answer lacks '\(field)': check --vod-endpoint and proxies on the way, and run again")
    case .malformed(let field):
      Row(
        .family(""), kind,
        "the answer's '\(field)' can't be read: check --vod-endpoint and proxies on the way, and run again")
    case .badExpiration:
      Row(
        .family(""), kind,
        "the answer's 'UploadAuth' doesn't say when it expires: run again; if it lasts, give the request id to the vendor's support"
      )
    case .expired:
      Row(
        .family(""), kind,
        "by the 'Date' of VOD's answers, or without one by this host's clock, the upload credential had expired when it came: compare both with the right time"
      )
    case .insecure:
      Row(.family(""), .permanent, "the upload address isn't https, so the credential would be sent in the clear")
    }
  }
}
