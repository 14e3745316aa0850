/// Why a request head isn't served, each with the status it is answered with.
package enum HeadRefusal: UInt16, Error, CaseIterable {
  /// Not HTTP as RFC 9112 and this server's narrower rules have it, or with a body.
  case malformed = 400
  /// A method of HTTP that nothing here offers.
  case methodNotAllowed = 405
  case targetTooLong = 414
  case expectationFailed = 417
  case headTooLarge = 431
  /// A method that isn't HTTP's.
  case unknownMethod = 501
  case unknownVersion = 505
}
