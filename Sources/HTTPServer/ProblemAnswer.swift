/// The answers that the server gives by itself, before any handler is asked; each ends its connection.
enum ProblemAnswer {
  static let tooManyOfUser = answer(
    429, "Too Many Requests",
    "this user has as many connections open as it may; close some or keep one for all requests",
    "Retry-After: 1\r\n")
  static let tooMany = answer(
    503, "Service Unavailable", "all connections are in use; try again in a moment", "Retry-After: 1\r\n")
  static let tooSlow = answer(408, "Request Timeout", "the request's head was not sent in time")

  static func refusal(_ refusal: HeadRefusal) -> PlainBytes { refusals[refusal]! }

  private static let refusals: [HeadRefusal: PlainBytes] = Dictionary(
    uniqueKeysWithValues: HeadRefusal.allCases.map { ($0, answer($0)) })

  private static func answer(_ refusal: HeadRefusal) -> PlainBytes {
    let status = Int(refusal.rawValue)
    return switch refusal {
    case .malformed:
      answer(status, "Bad Request", "not a valid HTTP/1.1 request; requests have no body and end their lines in CRLF")
    case .methodNotAllowed:
      answer(status, "Method Not Allowed", "use GET, HEAD or POST", "Allow: GET, HEAD, POST\r\n")
    case .targetTooLong:
      answer(status, "URI Too Long", "a target has at most \(HeadParser.maximumTarget) bytes")
    case .expectationFailed:
      answer(status, "Expectation Failed", "leave the Expect header out")
    case .headTooLarge:
      answer(status, "Request Header Fields Too Large", "send fewer or shorter header lines")
    case .unknownMethod:
      answer(status, "Not Implemented", "use GET, HEAD or POST")
    case .unknownVersion:
      answer(status, "HTTP Version Not Supported", "use HTTP/1.1")
    }
  }

  /// A whole answer with a problem document (RFC 9457). The texts hold nothing that JSON would have to escape.
  private static func answer(_ status: Int, _ title: String, _ detail: String, _ headers: String = "") -> PlainBytes {
    let body = #"{"type":"about:blank","title":"\#(title)","status":\#(status),"detail":"\#(detail)"}"# + "\n"
    return PlainBytes(
      "HTTP/1.1 \(status) \(title)\r\nContent-Type: application/problem+json\r\nContent-Length: \(body.utf8.count)\r\n"
        + "\(headers)Connection: close\r\n\r\n\(body)")
  }
}
