/// A request's method, of those that RFC 9110, 9.3, and RFC 5789 define.
package enum Method: UInt8, Sendable {
  case get, head, post
  /// These are served nowhere here; the answer lists the allowed methods.
  case put, delete, options, patch, connect, trace
}

/// The content of a head as the parser found it. Positions are offsets into the parsed bytes.
struct HeadFields {
  struct Piece {
    var lower: UInt16 = 0
    var upper: UInt16 = 0

    init() {}

    init(_ lower: Int, _ upper: Int) {
      self.lower = UInt16(lower)
      self.upper = UInt16(upper)
    }

    var range: Range<Int> { Int(lower)..<Int(upper) }
  }

  static let maximumPieces = 8

  var method = Method.get
  var isHTTP11 = false
  /// The target's host, or otherwise the Host header's value.
  var host: Piece?
  /// Whether the connection may stay open: HTTP/1.1 without `Connection: close`. A client of HTTP/1.0 that asks for keep-alive
  /// would need a header for that in every answer; it gets the older default instead.
  var keepsAlive = false
  /// Whether it has an Origin or a header whose name begins with `Sec-Fetch-`: only web browsers send those (Fetch standard, "Origin
  /// header"; Fetch Metadata Request Headers).
  var isFromBrowser = false
  /// The value of `Rolekeeper-Client-Certificate`.
  var clientCertificate: Piece?
  /// The value of `If-None-Match`.
  var ifNoneMatch: Piece?
  /// The path's decoded segments: "/" is one empty segment, "/v1/roles" are two.
  var segments = InlineArray<8, Piece>(repeating: Piece())
  var segmentCount = 0
  /// Whether percent-escapes were decoded, in place.
  var isDecoded = false
  /// The query's decoded names and values; a name without `=` has an empty value.
  var queryNames = InlineArray<8, Piece>(repeating: Piece())
  var queryValues = InlineArray<8, Piece>(repeating: Piece())
  var queryCount = 0
}
