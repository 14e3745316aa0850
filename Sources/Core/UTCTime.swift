/// A UTC time in whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Its text is `YYYY-MM-DDThh:mm:ssZ`, without a fraction or an offset: the form that STS writes and all readers of `Expiration`
/// accept.
package struct UTCTime: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var seconds: Int64

  package init(seconds: Int64) { self.seconds = seconds }

  /// Parses exactly `YYYY-MM-DDThh:mm:ssZ`, years 1970 to 9999; nil for any other form and for dates that don't exist.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    let shape: StaticString = "0000-00-00T00:00:00Z"
    guard bytes.count == shape.utf8CodeUnitCount else { return nil }
    for (place, byte) in bytes.enumerated() {
      let expected = shape.utf8Start[place]
      guard expected == UInt8(ascii: "0") ? byte.isDigit : byte == expected else { return nil }
    }
    func number(_ range: Range<Int>) -> Int64 { bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) } }
    self.init(
      year: number(0..<4), month: number(5..<7), day: number(8..<10),
      hour: number(11..<13), minute: number(14..<16), second: number(17..<19))
  }

  /// Makes a time from calendar fields; nil if there is no such date or time, or the year is not 1970 to 9999.
  package init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
    guard (1970...9999).contains(year), (1...12).contains(month), (0...23).contains(hour),
      (0...59).contains(minute), (0...59).contains(second),
      day >= 1, day <= Self.daysInMonth(month, of: year)
    else { return nil }
    seconds = Self.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
  }

  package var description: String {
    // Without a subtraction, which would overflow near the ends: a file's owner chooses its modification time.
    let time = (seconds % 86_400 + 86_400) % 86_400
    let days = seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0)
    let (year, month, day) = Self.calendar(days: days)
    let hasFourDigits = (0...9999).contains(year)
    // By bytes: a session's times are written several times, and joining a dozen short strings each time took longer than a digest.
    let text = String(unsafeUninitializedCapacity: 20) { text in
      func write(_ number: Int64, at place: Int, _ sign: Unicode.Scalar? = nil) {
        text[place] = UInt8(ascii: "0") + UInt8(number / 10)
        text[place + 1] = UInt8(ascii: "0") + UInt8(number % 10)
        if let sign { text[place + 2] = UInt8(ascii: sign) }
      }
      write(hasFourDigits ? year / 100 : 0, at: 0)
      write(hasFourDigits ? year % 100 : 0, at: 2, "-")
      write(month, at: 5, "-")
      write(day, at: 8, "T")
      write(time / 3600, at: 11, ":")
      write(time / 60 % 60, at: 14, ":")
      write(time % 60, at: 17, "Z")
      return 20
    }
    return hasFourDigits ? text : String(year) + text.dropFirst(4)
  }

  /// `YYYYMMDDThhmmssZ`, the basic form of ISO 8601.
  package var basicText: String {
    String(decoding: description.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }, as: UTF8.self)
  }

  package static func < (left: UTCTime, right: UTCTime) -> Bool { left.seconds < right.seconds }

  private static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01, by counting years from March so that the leap day comes last.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month > 2 ? year : year - 1
    let marchMonth = (month + 9) % 12
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    return 365 * marchYear + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
  }

  /// The inverse of `days(year:month:day:)`.
  private static func calendar(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}
