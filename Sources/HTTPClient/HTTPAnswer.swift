/// The outcome of a request. Any HTTP status from the server counts as an answer.
package typealias HTTPOutcome = Result<HTTPAnswer, TransportFailure>

/// The parts that are kept of the head of a complete answer over verified TLS.
package struct HTTPAnswer: Hashable, Sendable {
  /// The status code, 100 to 599.
  package internal(set) var status = 0
  /// The `Date` header as sent, at most 64 printable ASCII characters; nil if missing, malformed or sent twice with different
  /// values.
  package internal(set) var date: String?
  /// The `x-acs-retry-after` header as sent, at most 64 printable ASCII characters, empty if malformed or sent twice with different
  /// values; nil if missing. The vendor's own clients treat its mere presence as throttling.
  package internal(set) var retryAfter: String?
  /// The `Retry-After` header as sent, at most 64 printable ASCII characters; nil if missing, malformed or sent twice with
  /// different values.
  package internal(set) var standardRetryAfter: String?

  /// The values of the request's `keptFields`, in that order; nil if missing, malformed or sent twice with different values.
  package internal(set) var keptFields: [String?] = []
  /// Whether libcurl sent the request a second time, as a kept connection had ended before the first byte of an answer: so that this answer says
  /// nothing of the first. Known of requests without a body alone.
  package internal(set) var wasSentTwice = false

  package init(
    status: Int, date: String? = nil, retryAfter: String? = nil, standardRetryAfter: String? = nil,
    keptFields: [String?] = []
  ) {
    self.keptFields = keptFields
    self.status = status
    self.date = date
    self.retryAfter = retryAfter
    self.standardRetryAfter = standardRetryAfter
  }
}
