package import Core

/// Parses when a peer that can't serve now asks to be called again.
package enum RetryAfter {
  private static var longest: Duration { Failure.longestRequestedWait }

  /// Reads a `Retry-After` header (RFC 9110, section 10.2.3), a number of seconds or a date. `date` is when it was sent, by the
  /// answer's own `Date` if it has one. At most five minutes; nil when it can't be read or lies in the past.
  package static func wait(_ text: String, saidAt date: UTCTime) -> Duration? {
    let wait: Duration
    if let seconds = number(text) {
      wait = .seconds(min(seconds, longest.wholeSeconds))
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
    number(text).map { min(.milliseconds($0), longest) }
  }

  /// A number with too many digits is a long time.
  private static func number(_ text: String) -> Int64? {
    Int64(decimal: text) ?? (!text.isEmpty && text.utf8.allSatisfy(\.isDigit) ? .max : nil)
  }
}
