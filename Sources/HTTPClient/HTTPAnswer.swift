/// What comes of a request. A server that answers, with whatever status, has answered.
package typealias HTTPOutcome = Result<HTTPAnswer, TransportFailure>

/// The head of a complete answer over verified TLS; all that is kept of it.
package struct HTTPAnswer: Hashable, Sendable {
  /// The status code, 100 to 599.
  package internal(set) var status = 0
  /// The `Date` header as sent, at most 64 printable ASCII characters; nil when missing, odd or sent twice with different values.
  package internal(set) var date: String?
  /// The `x-acs-retry-after` header as sent, at most 64 printable ASCII characters, empty when it is odd; nil when missing.
  /// The vendor's own clients take its mere presence for throttling.
  package internal(set) var retryAfter: String?
  /// The `Retry-After` header as sent, at most 64 printable ASCII characters; nil when missing or odd.
  package internal(set) var standardRetryAfter: String?

  /// The values of the request's `keptFields`, in their order; nil when missing, odd or sent twice with different values.
  package internal(set) var keptFields: [String?] = []

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
