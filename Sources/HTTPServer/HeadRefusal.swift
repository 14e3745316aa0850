/// Why a request head isn't served: the rule that it breaks, and the status for it.
package enum HeadRefusal: Error, CaseIterable {
  /// A line doesn't end in CRLF (RFC 9112, 2.2).
  case lineEnd
  /// More than one empty line comes before the request line; one is ignored (RFC 9112, 2.2).
  case emptyLines
  /// The first line isn't `METHOD TARGET HTTP/1.1` with one space between them (RFC 9112, 3).
  case requestLine
  /// The target is neither a path nor a URL of the scheme http (RFC 9112, 3.2.1 and 3.2.2).
  case targetForm
  /// The URL has no host, a user in front of it, or a character that no host has (RFC 9110, 4.2.1 and 4.2.4; RFC 3986, 3.2).
  case authority
  /// The target has a character that has to be escaped there, or a fragment (RFC 3986, 3.3 and 3.4).
  case targetCharacter
  /// A `%` isn't followed by two hexadecimal digits (RFC 3986, 2.1), or the digits are those of a control character or a byte
  /// beyond ASCII, which no name here contains.
  case escape
  /// The path has more than 8 segments, which no path here has.
  case segments
  /// The query has more than 8 items, which no path here takes.
  case queryItems
  /// A query item has no name.
  case queryName
  /// A query name occurs twice, so it is ambiguous which value is meant. Its position is after those that `HeadFields` counts.
  case repeatedQueryName
  /// HTTP/1.1 without a Host, or any request with two (RFC 9112, 3.2).
  case host
  /// A header line isn't `NAME: VALUE`; a blank in front of the colon or of the line is refused, too (RFC 9112, 5.1 and 5.2).
  case headerLine
  /// A header's value has a control character (RFC 9110, 5.5).
  case headerValue
  /// A Content-Length that isn't one `0`: no request here has a body (RFC 9112, 6.2 and 6.3).
  case contentLength
  /// A Transfer-Encoding: no request here has a body (RFC 9112, 6.1 and 6.3).
  case transferEncoding
  /// A header that says whose the request is, or which answer the client has, is there twice: it is ambiguous which one is meant.
  case repeatedHeader
  /// A method that nothing here offers, for a target that isn't a path (RFC 9110, 15.5.6).
  case methodNotAllowed
  /// More than 2048 bytes (RFC 9110, 15.5.15).
  case targetTooLong
  /// An Expect that isn't `100-continue` (RFC 9110, 10.1.1).
  case expectationFailed
  /// More bytes than `ServerLimits` allows or 64 header lines (RFC 6585, 5).
  case headTooLarge
  /// A method that isn't HTTP's (RFC 9110, 15.6.2).
  case unknownMethod
  /// Neither HTTP/1.1 nor HTTP/1.0 (RFC 9110, 15.6.6).
  case unknownVersion

  package var status: Int {
    switch self {
    case .lineEnd, .emptyLines, .requestLine, .targetForm, .authority, .targetCharacter, .escape, .segments,
      .queryItems,
      .queryName, .repeatedQueryName, .host, .headerLine, .headerValue, .contentLength, .transferEncoding,
      .repeatedHeader:
      400
    case .methodNotAllowed: 405
    case .targetTooLong: 414
    case .expectationFailed: 417
    case .headTooLarge: 431
    case .unknownMethod: 501
    case .unknownVersion: 505
    }
  }

  /// The rule in a sentence, without characters that JSON would have to escape.
  var rule: String {
    switch self {
    case .lineEnd: "each line of a request ends in CRLF, not in a line feed alone"
    case .emptyLines: "a request begins with its request line; one empty line before it is ignored, not two"
    case .requestLine: "the request line is METHOD TARGET HTTP/1.1, with one space between them"
    case .targetForm: "the target is a path that begins with a slash, or http://HOST and a path"
    case .authority: "the target's URL needs a host, without a user name and with no other characters than a host has"
    case .targetCharacter: "the target has a character that has to be percent-encoded, or a fragment"
    case .escape: "a percent sign is followed by the two hexadecimal digits of a printable ASCII character"
    case .segments: "a path has at most \(HeadFields.maximumPieces) segments"
    case .queryItems: "a query has at most \(HeadFields.maximumPieces) parameters"
    case .queryName: "each query parameter has a name: ?name=value&name=value"
    case .repeatedQueryName: "each query parameter is given once"
    case .host: "a request has one Host header; HTTP/1.0 may leave it out"
    case .headerLine: "a header line is NAME: VALUE, without a blank before the colon or at its start"
    case .headerValue: "a header's value has no control characters"
    case .contentLength: "requests have no body: leave Content-Length out, or send it once as 0"
    case .transferEncoding: "requests have no body: leave Transfer-Encoding out"
    case .repeatedHeader: "Rolekeeper-Client-Certificate and If-None-Match are given once"
    case .methodNotAllowed: "use GET, HEAD or POST"
    // Not a list: one of the servers takes GET alone.
    case .unknownMethod: "there is no such method; they are in capital letters, such as GET"
    case .targetTooLong: "a target has at most \(HeadParser.maximumTarget) bytes"
    case .expectationFailed: "leave the Expect header out"
    case .headTooLarge: "send fewer or shorter header lines"
    case .unknownVersion: "use HTTP/1.1"
    }
  }
}
