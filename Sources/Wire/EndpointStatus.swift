package import Core
package import JSON

/// An endpoint of STS, or a machine of a tier, and whether it answers.
package struct EndpointStatus: WireDocument, Hashable, Sendable {
  /// `host` or `host:port`, as in the settings.
  package var endpoint: String
  /// HTTP answers, with any status, since the daemon started; of a machine of a tier only those with a bundle, or that it is the latest.
  package var answers: Int64
  /// Requests without one.
  package var failures: Int64
  /// Answers that the account's quota is used up.
  package var throttled: Int64
  package var lastAnswerAt: UTCTime?
  /// The code of the latest failure to answer; nil if the latest request was answered. Of a region also the code of a latest answer
  /// by which it fails or throttles.
  package var latestFailure: String?
  /// Nil if the settings name no regions, or only one.
  package var region: RegionStatus?

  package init(
    endpoint: String, answers: Int64, failures: Int64, throttled: Int64 = 0, lastAnswerAt: UTCTime?,
    latestFailure: String?, region: RegionStatus? = nil
  ) {
    self.endpoint = endpoint
    self.answers = answers
    self.failures = failures
    self.throttled = throttled
    self.lastAnswerAt = lastAnswerAt
    self.latestFailure = latestFailure
    self.region = region
  }

  package init(_ value: borrowing JSONValue) throws(WireError) { try self.init(value, failures: Self.unanswered) }

  /// `failures` is the name of these.
  init(_ value: borrowing JSONValue, failures name: String) throws(WireError) {
    endpoint = try value.text("endpoint")
    answers = try value.integer("answers")
    failures = try value.integer(name)
    lastAnswerAt = try value.optionalTime("last_answer_at")
    latestFailure = try value.optionalText("missing")
    // May be missing in answers of a daemon that was started before the package was upgraded.
    throttled = value["throttled"] == nil ? 0 : try value.integer("throttled")
    if let region = value["region"], region.kind != .null { self.region = try RegionStatus(region) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) { write(to: &json, failures: Self.unanswered) }

  private static let unanswered = "unanswered"

  func write(to json: inout JSONWriter<[UInt8]>, failures name: String) {
    json.object { json in
      json.member("endpoint", endpoint)
      json.member("answers", answers)
      json.member(name, failures)
      json.member("last_answer_at", lastAnswerAt)
      json.member("missing", orNull: latestFailure)
      json.member("throttled", throttled)
      json.key("region")
      if let region { region.write(to: &json) } else { json.null() }
    }
  }
}

/// One of several regions, and how much it is asked.
package struct RegionStatus: WireDocument, Hashable, Sendable {
  package typealias Condition = RegionalRate.Condition

  package var condition: Condition
  /// What throttling has left of the rate for the region, in calls per second.
  package var requestsPerSecond: Double

  package init(_ condition: Condition, requestsPerSecond: Double) {
    self.condition = condition
    self.requestsPerSecond = requestsPerSecond
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    condition = try value.word("state")
    requestsPerSecond = try value.double("requests_per_second")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("state", condition.rawValue)
      json.key("requests_per_second")
      json.double(requestsPerSecond)
    }
  }
}
