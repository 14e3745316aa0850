package import Core

/// Parses when a peer that can't serve now asks to be called again.
package enum RetryAfter {
  private static var longest: Duration { Failure.longestRequestedWait }

  /// Reads a `Retry-After` header (RFC 9110, section 10.2.3), a number of seconds or a date. `date` is when it was sent, by the
  /// answer's own `Date` if it has one. At most five minutes; nil when it can't be read or lies in the past.
  package static func wait(_ text: String, saidAt date: UTCTime) -> Duration? {
    let wait: Duration
    if !text.isEmpty, text.utf8.allSatisfy(\.isDigit) {
      // A number with too many digits is a long time.
      wait = Int64(text).map { .seconds(min($0, longest.wholeSeconds)) } ?? longest
    } else if let instant = UTCTime(httpDate: text) {
      wait = .seconds(instant.seconds - date.seconds)
    } else {
      return nil
    }
    return wait > .zero ? min(wait, longest) : nil
  }

  /// Reads the gateway's own `x-acs-retry-after`, whose mere presence means throttling: a number of milliseconds, of which five
  /// minutes count; nil if it is something else.
  package static func wait(milliseconds text: String) -> Duration? {
    guard let milliseconds = Int64(text), milliseconds >= 0 else { return nil }
    return min(.milliseconds(milliseconds), longest)
  }
}
