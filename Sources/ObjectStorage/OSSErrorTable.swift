internal import Core

/// What the codes of OSS mean for an upload: which class of failure, and what a person can do.
///
/// The codes are those of the vendor's documentation of OSS ("Error responses") and of its SDKs. A row is found by its whole code, else by
/// the family that it begins with, else by the status of the answer.
package enum OSSErrorTable {
  package struct Row: Sendable {
    enum Match: Sendable {
      case code(String)
      /// Every code that begins so.
      case family(String)
    }

    let match: Match
    package let kind: OSSFailure.Kind
    package let remedy: String

    init(_ match: Match, _ kind: OSSFailure.Kind, _ remedy: String) {
      self.match = match
      self.kind = kind
      self.remedy = remedy
    }
  }

  static let rows: [Row] = [
    // Of the credential
    Row(.code("SecurityTokenExpired"), .credentialExpired, renewed),
    Row(.code("InvalidAccessKeyId"), .keyUnknown, renewed),
    // Its text is that the token is invalid. Whether an expired one can be answered so isn't known: a new credential shows.
    Row(.code("InvalidSecurityToken"), .keyUnknown, renewed),
    Row(
      .code("AccessDenied"), .accessDenied,
      "give the request id and the EC to whoever manages the bucket; the upload credential doesn't allow this there"),
    Row(.code("RequestTimeTooSkewed"), .skew, "set this host's clock; OSS allows 15 minutes of difference"),
    Row(
      .code("SignatureDoesNotMatch"), .permanent,
      "look for a proxy between here and OSS that changes requests, then give the request id to the vendor's support"),
    Row(
      .code("UserDisable"), .permanent, "look at the account in its console; it is in arrears, or was disabled"),

    // Of the upload
    Row(.code("NoSuchUpload"), .noSuchUpload, "run again; it is uploaded from its start under a new upload id"),
    Row(.code("InvalidPart"), .invalidPart, "run again; the parts are sent again"),
    Row(.code("InvalidPartOrder"), .permanent, unfit),
    Row(.code("InvalidDigest"), .invalidDigest, damaged),
    Row(.code("BadDigest"), .invalidDigest, damaged),
    Row(
      .code("EntityTooSmall"), .entityTooSmall,
      "upload the file with another journal, and a --part-size of at least 100KiB"),
    Row(.code("EntityTooLarge"), .permanent, "upload the file with another journal, and a --part-size of at most 5GiB"),
    Row(.code("FileAlreadyExists"), .objectExists, "look at the video; its file is there and may not be overwritten"),
    Row(.family("NoSuch"), .permanent, "check the region and the storage address; there is no such bucket or object"),

    // Of the request
    Row(.code("RequestTimeout"), .transient, passing),
    Row(.code("IncompleteBody"), .transient, passing),
    Row(.family("InvalidArgument"), .permanent, unfit),
    Row(.family("Missing"), .permanent, unfit),
    Row(.family("Malformed"), .permanent, unfit),

    // Of the service
    Row(.family("Throttling"), .throttled, slower),
    Row(.family("SlowDown"), .throttled, slower),
    Row(.family("UploadTrafficRateLimit"), .throttled, slower),
    Row(.family("TotalQpsLimit"), .throttled, slower),
    Row(.family("QpsLimit"), .throttled, slower),
    Row(.family("InternalError"), .transient, fails),
    Row(.family("ServiceUnavailable"), .transient, fails),
  ]

  // These are read when no further try is made.
  private static let renewed =
    "new upload credentials were refused as well, or lapsed before the request was through: run again with a smaller --part-size; if it lasts, give the request id to the vendor's support"
  private static let damaged =
    "the bytes arrived damaged each time: look for a proxy between here and OSS that changes them, and check this host's memory"
  private static let unfit =
    "OSS doesn't understand the request: report this with the request id to the makers of vod-upload"
  private static let slower = "upload with fewer jobs, or limit the rate, and run again"
  private static let passing = "run again; it goes on where it was"
  private static let fails =
    "OSS itself fails: run again later; if it lasts, give the request id to the vendor's support"

  /// The row for a code, by its status when no row has it.
  package static func row(forCode code: String, httpStatus: Int) -> Row {
    rows.first { if case .code(code) = $0.match { true } else { false } }
      ?? rows.first { if case .family(let start) = $0.match { code.hasPrefix(start) } else { false } }
      ?? unknown(httpStatus: httpStatus)
  }

  private static func unknown(httpStatus: Int) -> Row {
    switch httpStatus {
    case 429: Row(.family(""), .throttled, slower)
    case 408, 500...: Row(.family(""), .transient, fails)
    case 300..<400: Row(.family(""), .permanent, "check the endpoint in the upload address; OSS sends us elsewhere")
    default: Row(.family(""), .permanent, "look the code up in the vendor's list of OSS error codes")
    }
  }

  /// The row for an answer that isn't one of OSS, or is damaged: a further try may be answered better, whatever its status.
  static func row(for fault: OSSFault, httpStatus: Int) -> Row {
    let kind: OSSFailure.Kind = httpStatus == 429 ? .throttled : .transient
    return switch fault {
    case .tooLong, .notXML, .noCode:
      Row(.family(""), kind, "what came isn't in the form of OSS's answers; check proxies on the way")
    case .missing(let field):
      Row(.family(""), kind, "the answer lacks '\(field)': check proxies on the way, and run again")
    case .malformed(let field):
      Row(.family(""), kind, "the answer's '\(field)' can't be read: check proxies on the way, and run again")
    }
  }
}

/// Why an answer can't be used although it came.
enum OSSFault: Error {
  case tooLong, notXML, noCode
  case missing(String)
  case malformed(String)

  /// Words of ours, beside the codes of the service.
  var code: String {
    switch self {
    case .tooLong: "AnswerTooLong"
    case .notXML: "AnswerNotXML"
    case .noCode: "AnswerWithoutCode"
    case .missing: "AnswerIncomplete"
    case .malformed: "AnswerMalformed"
    }
  }

  /// What of a foreign text may go into logs: printable ASCII, no more than `most` characters; nil when nothing is left.
  static func readable(_ text: String, most: Int) -> String? {
    let kept = String(decoding: text.utf8.lazy.filter(\.isVisible).prefix(most), as: UTF8.self)
    return kept.isEmpty ? nil : kept
  }
}
