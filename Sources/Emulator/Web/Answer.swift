/// An HTTP answer.
package struct Answer: Sendable {
  package var status: Int
  package var headers: [Request.Header]
  package var body: [UInt8]
  /// Sent instead of `body`.
  var file: AnswerFile? = nil

  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// An answer and the way it is sent.
package struct Reply: Sendable {
  package enum Manner: Sendable, Equatable {
    case whole
    /// The connection ends after half of the body.
    case brokenOff
    /// The connection ends without an answer.
    case refused
    /// These bytes are sent instead of an answer, inside TLS or below it, and the connection ends.
    case raw([UInt8], belowTLS: Bool)
    /// The body is sent byte by byte, spread over this time.
    case dribbled(milliseconds: Int)
  }

  package var answer: Answer
  package var manner: Manner
  package var delayMilliseconds: Int
}
