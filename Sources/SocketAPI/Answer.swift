import Core
import HTTPServer
import Wire

/// Answers of the socket, with rendered heads and bodies.
enum Answer {
  enum MediaType: String {
    case json = "application/json"
    case problem = "application/problem+json"
    case lines = "application/x-ndjson"
    case metrics = "text/plain; version=0.0.4; charset=utf-8"
  }

  /// A head with a Content-Length; `fields` are whole lines, each with its CRLF. Caches must not store any of these answers.
  static func head(status: Int, type: MediaType, length: Int?, fields: String = "") -> PlainBytes {
    let lengthLine = length.map { "Content-Length: \($0)\r\n" } ?? ""
    return PlainBytes(openHead(status: status, type: type, fields: lengthLine + fields) + "\r\n")
  }

  /// The same without its end: more lines may follow.
  static func openHead(status: Int, type: MediaType, fields: String) -> String {
    String(
      joining: "HTTP/1.1 ", String(status), " ", reason(status), "\r\nContent-Type: ", type.rawValue,
      "\r\nCache-Control: no-store\r\n", fields)
  }

  /// The client has the answer already (RFC 9110, 15.4.5); `fields` are whole lines.
  static func notModified(_ fields: String) -> PlainBytes {
    PlainBytes(String(joining: "HTTP/1.1 304 ", reason(304), "\r\nCache-Control: no-store\r\n", fields, "\r\n"))
  }

  static func bytes(_ bytes: [UInt8], status: Int = 200, type: MediaType = .json, fields: String = "") -> Response {
    Response(head: head(status: status, type: type, length: bytes.count, fields: fields), body: PlainBytes(bytes))
  }

  static func text(_ text: String, status: Int = 200, type: MediaType = .json) -> Response {
    bytes(Array(text.utf8), status: status, type: type)
  }

  static func document(_ document: some WireDocument) -> Response { bytes(document.rendered()) }

  /// A problem document (RFC 9457); `fields` are more header lines.
  static func problem(_ problem: Problem, fields: String = "") -> Response {
    let retry = problem.retryAfterSeconds.map { "Retry-After: \($0)\r\n" } ?? ""
    return bytes(problem.rendered(), status: problem.status, type: .problem, fields: retry + fields)
  }

  static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 202: "Accepted"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 503: "Service Unavailable"
    default: "Error"
    }
  }
}
