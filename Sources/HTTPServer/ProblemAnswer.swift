/// Answers that the server gives by itself, before any handler is called; each ends its connection.
enum ProblemAnswer {
  static let tooManyOfUser = answer(
    429, "this user has as many connections open as it may; close some or keep one for all requests",
    retryAfterSeconds: 1)
  static let tooMany = answer(503, "all connections are in use; try again in a moment", retryAfterSeconds: 1)
  static let tooSlow = answer(408, "the request's head was not sent in time")

  static func refusal(_ refusal: HeadRefusal) -> PlainBytes { refusals[refusal]! }

  /// As `refusal(.repeatedQueryName)`, with the name, which is printable ASCII.
  static func repeatedQueryName(_ name: String) -> PlainBytes {
    let escaped = name.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
    return answer(
      HeadRefusal.repeatedQueryName.status, "query parameter '\(escaped)' is there twice; give each once")
  }

  private static let refusals: [HeadRefusal: PlainBytes] = Dictionary(
    uniqueKeysWithValues: HeadRefusal.allCases.map { refusal in
      let allow = refusal == .methodNotAllowed ? "Allow: GET, HEAD, POST\r\n" : ""
      return (refusal, answer(refusal.status, refusal.rule, headers: allow))
    })

  private static func title(_ status: Int) -> String {
    switch status {
    case 400: "Bad Request"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: preconditionFailure("no title for \(status)")
    }
  }

  /// A whole answer with a problem document (RFC 9457). The texts contain nothing that JSON would have to escape.
  private static func answer(
    _ status: Int, _ detail: String, retryAfterSeconds: Int? = nil, headers: String = ""
  ) -> PlainBytes {
    let title = title(status)
    let retryMember = retryAfterSeconds.map { #","retry_after":\#($0)"# } ?? ""
    let retryHeader = retryAfterSeconds.map { "Retry-After: \($0)\r\n" } ?? ""
    let body =
      #"{"type":"about:blank","title":"\#(title)","status":\#(status),"detail":"\#(detail)"\#(retryMember)}"# + "\n"
    return PlainBytes(
      "HTTP/1.1 \(status) \(title)\r\nContent-Type: application/problem+json\r\nContent-Length: \(body.utf8.count)\r\n"
        + "\(retryHeader)\(headers)Connection: close\r\n\r\n\(body)")
  }
}
