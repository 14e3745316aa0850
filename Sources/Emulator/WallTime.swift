import Glibc

/// A time of the emulator's clock, in microseconds since 1970-01-01T00:00:00Z.
package struct WallTime: Hashable, Comparable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }
  package init(seconds: Int64) { microseconds = seconds * 1_000_000 }

  /// Parses exactly `YYYY-MM-DDThh:mm:ssZ`, the form of `Timestamp` and `x-acs-date`; nil for any other text.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    let shape = Array("0000-00-00T00:00:00Z".utf8)
    guard bytes.count == shape.count else { return nil }
    for (byte, expected) in zip(bytes, shape) {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      guard expected == UInt8(ascii: "0") ? isDigit : byte == expected else { return nil }
    }
    func number(_ range: Range<Int>) -> CInt { bytes[range].reduce(0) { $0 * 10 + CInt($1 - UInt8(ascii: "0")) } }
    var fields = tm()
    fields.tm_year = number(0..<4) - 1900
    fields.tm_mon = number(5..<7) - 1
    fields.tm_mday = number(8..<10)
    fields.tm_hour = number(11..<13)
    fields.tm_min = number(14..<16)
    fields.tm_sec = number(17..<19)
    self.init(seconds: Int64(timegm(&fields)))
    // timegm turns 30 February into a day in March; a date that doesn't exist is refused.
    guard isoText == text else { return nil }
  }

  package var seconds: Int64 {
    microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000
  }

  /// `YYYY-MM-DDThh:mm:ssZ`, truncated to seconds.
  package var isoText: String { formatted("%Y-%m-%dT%H:%M:%SZ") }

  /// The form of HTTP's `Date` (RFC 9110, 5.6.7).
  package var httpDate: String { formatted("%a, %d %b %Y %H:%M:%S GMT") }

  package func advanced(bySeconds seconds: Int64) -> WallTime {
    WallTime(microseconds: microseconds + seconds * 1_000_000)
  }

  package static func < (left: WallTime, right: WallTime) -> Bool { left.microseconds < right.microseconds }

  private func formatted(_ format: String) -> String {
    var time = time_t(seconds)
    var fields = tm()
    gmtime_r(&time, &fields)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      // Day and month names are English: the program never calls setlocale.
      let count = strftime(buffer.baseAddress!, buffer.count, format, &fields)
      return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
}
