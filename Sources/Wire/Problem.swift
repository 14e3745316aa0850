internal import Core
package import JSON

/// A refusal as `application/problem+json` (RFC 9457). Members beyond the first four are present only if they have a value.
package struct Problem: WireDocument, Hashable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    case malformed
    case forbidden
    case notFound = "not-found"
    /// The role has no such scope.
    case scopeNotFound = "scope-not-found"
    /// The role holds no session of the AccessKeyId that was reported.
    case sessionNotHeld = "session-not-held"
    /// The settings have no `[loopback]`, or its addresses can't be listened at.
    case loopbackOff = "loopback-off"
    case methodNotAllowed = "method-not-allowed"
    /// No session of the role can live as long as requested; `max_ttl` is the maximum.
    case tooLong = "ttl-too-long"
    /// A reservation has to wait for `retry_after`.
    case tooManyReservations = "too-many-reservations"
    /// As many users as the settings allow have a session of the role already.
    case tooManyUsers = "too-many-users"
    /// There is no valid session to hand out; `code` and `request_id` are from the last failure.
    case noSession = "no-valid-session"
    /// A refresh that an administrator requested failed with `code` and `request_id`. Readers keep what they have.
    case refreshFailed = "refresh-failed"
    /// A reload found `errors` in the settings; the old ones stay in force.
    case settingsRefused = "settings-refused"
    /// The daemon stops or restarts: the next process answers the same request.
    case stopping
    /// The daemon was started by its socket and can't use its settings, so it can't serve.
    case settingsUnusable = "settings-unusable"

    package var status: Int {
      switch self {
      case .malformed: 400
      case .forbidden: 403
      case .notFound, .scopeNotFound, .sessionNotHeld, .loopbackOff: 404
      case .methodNotAllowed: 405
      case .tooLong: 409
      case .settingsRefused: 422
      case .tooManyReservations, .tooManyUsers: 429
      case .noSession, .refreshFailed, .stopping, .settingsUnusable: 503
      }
    }

    var title: String {
      switch self {
      case .malformed: "the request is malformed"
      case .forbidden: "forbidden"
      case .notFound: "not found"
      case .scopeNotFound: "the role has no such scope"
      case .sessionNotHeld: "the role has no such session"
      case .loopbackOff: "the loopback URI is off"
      case .methodNotAllowed: "the method is not allowed here"
      case .tooLong: "no session can live that long"
      case .tooManyReservations: "too many reservations"
      case .tooManyUsers: "too many users have a session of the role"
      case .noSession: "there is no valid session"
      case .refreshFailed: "the refresh failed"
      case .stopping: "the daemon stops"
      case .settingsRefused: "the settings are refused"
      case .settingsUnusable: "the daemon can't use its settings"
      }
    }
  }

  private static let prefix = "urn:rolekeeper:problem:"

  package var type: String
  package var title: String
  package var status: Int
  /// What happened here and what to do, in a sentence.
  package var detail: String
  /// The cloud's error code, if STS is the cause.
  package var code: String?
  package var requestID: String?
  package var retryAfter: Duration?
  /// The maximum `min_ttl`.
  package var maxTTL: Duration?
  /// Whether the same request fails again until somebody changes something, such as a policy in the console.
  package var isPermanent: Bool
  /// The name that was probably meant, among those that the caller may know.
  package var suggestion: String?
  /// One message each, as `check` prints them.
  package var errors: [String]

  package init(
    _ kind: Kind, detail: String, code: String? = nil, requestID: String? = nil, retryAfter: Duration? = nil,
    maxTTL: Duration? = nil, isPermanent: Bool = false, suggestion: String? = nil, errors: [String] = []
  ) {
    type = Self.prefix + kind.rawValue
    title = kind.title
    status = kind.status
    self.detail = detail
    self.code = code
    self.requestID = requestID
    self.retryAfter = retryAfter
    self.maxTTL = maxTTL
    self.isPermanent = isPermanent
    self.suggestion = suggestion
    self.errors = errors
  }

  /// Nil for a type that this version doesn't know.
  package var kind: Kind? {
    type.hasPrefix(Self.prefix) ? Kind(rawValue: String(type.dropFirst(Self.prefix.count))) : nil
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    type = try value.text("type")
    title = try value.text("title")
    status = Int(try value.integer("status"))
    detail = try value.text("detail")
    code = try value.optionalText("code")
    requestID = try value.optionalText("request_id")
    retryAfter = try value.optionalSpan("retry_after")
    maxTTL = try value.optionalSpan("max_ttl")
    isPermanent = value["permanent"]?.bool ?? false
    suggestion = try value.optionalText("did_you_mean")
    var errors: [String] = []
    try value["errors"]?.forEachItem { (item) throws(WireError) in
      guard let text = item.string() else { throw .malformed("errors") }
      errors.append(text)
    }
    self.errors = errors
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("type", type)
      json.member("title", title)
      json.member("status", Int64(status))
      json.member("detail", detail)
      if let code { json.member("code", code) }
      if let requestID { json.member("request_id", requestID) }
      if let retryAfterSeconds { json.member("retry_after", retryAfterSeconds) }
      if let maxTTL { json.member("max_ttl", maxTTL.wholeSeconds) }
      if isPermanent { json.member("permanent", true) }
      if let suggestion { json.member("did_you_mean", suggestion) }
      if !errors.isEmpty {
        json.key("errors")
        json.array { json in for error in errors { json.string(error) } }
      }
    }
  }

  /// `suggestion` as a question with a trailing blank; empty if there is none.
  package var didYouMean: String { suggestion.map { "did you mean '\($0)'? " } ?? "" }

  /// `retryAfter` as in documents and headers, in whole seconds: rounded up, so that a client that waits that long isn't too early.
  package var retryAfterSeconds: Int64? {
    retryAfter.map { $0.components.attoseconds > 0 ? $0.components.seconds + 1 : $0.components.seconds }
  }
}
