package import Core
package import JSON

/// The answer to `POST /v1/roles/NAME/report`: STS's verdict on the reported session.
package struct SessionCheckResult: WireDocument, Hashable, Sendable {
  package enum Result: String, Sendable, CaseIterable {
    /// STS no longer accepts the session: it is never handed out again.
    case condemned
    /// STS accepts the session: it stays.
    case inUse = "in-use"
    /// STS couldn't be asked, or gave another answer: the session stays.
    case unchecked
  }

  package var role: String
  package var accessKeyID: String
  package var result: Result
  /// When STS answered, by its own time; nil if it didn't.
  package var checkedAt: UTCTime?
  /// The error code of STS, or a code of ours for why it couldn't be asked; nil if it accepts the session.
  package var code: String?
  package var requestID: String?
  /// The meaning of `code`, and what to do about it, in half a sentence.
  package var advice: String?
  /// How long until a report of the same session leads to another check; nil means at once.
  package var retryAfter: Duration?

  package init(
    role: String, accessKeyID: String, result: Result, checkedAt: UTCTime? = nil, code: String? = nil,
    requestID: String? = nil, advice: String? = nil, retryAfter: Duration? = nil
  ) {
    self.role = role
    self.accessKeyID = accessKeyID
    self.result = result
    self.checkedAt = checkedAt
    self.code = code
    self.requestID = requestID
    self.advice = advice
    self.retryAfter = retryAfter
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    role = try value.text("role")
    accessKeyID = try value.text("access_key_id")
    result = try value.word("result")
    checkedAt = try value.optionalTime("checked_at")
    code = try value.optionalText("code")
    requestID = try value.optionalText("request_id")
    advice = try value.optionalText("advice")
    retryAfter = try value.optionalSpan("retry_after")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("role", role)
      json.member("access_key_id", accessKeyID)
      json.member("result", result.rawValue)
      json.member("checked_at", checkedAt)
      json.member("code", orNull: code)
      json.member("request_id", orNull: requestID)
      if let advice { json.member("advice", advice) }
      if let retryAfter { json.member("retry_after", retryAfter.wholeSeconds) }
    }
  }
}
