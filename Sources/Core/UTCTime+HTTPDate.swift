extension UTCTime {
  /// Reads a `Date` header in its one current form, IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
  ///
  /// The obsolete forms, other spellings of GMT, and a day of the week that isn't the date's are nil.
  package init?(httpDate text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 29 else { return nil }
    func word(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    func number(_ range: Range<Int>) -> Int64? {
      bytes[range].allSatisfy(\.isDigit) ? Int64(word(range)) : nil
    }
    guard word(3..<5) == ", ", word(7..<8) == " ", word(11..<12) == " ", word(16..<17) == " ",
      word(19..<20) == ":", word(22..<23) == ":", word(25..<29) == " GMT",
      let month = Self.months.firstIndex(of: word(8..<11)), let day = number(5..<7), let year = number(12..<16),
      let hour = number(17..<19), let minute = number(20..<22), let second = number(23..<25)
    else { return nil }
    self.init(year: year, month: Int64(month) + 1, day: day, hour: hour, minute: minute, second: second)
    guard word(0..<3) == Self.weekdays[Int(seconds / 86_400 % 7)] else { return nil }
  }

  /// The same form: `Sun, 06 Nov 1994 08:49:37 GMT`.
  package var httpDate: String {
    let text = Array(description.utf8)
    func part(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
    let month = Int(part(5..<7)).map { Self.months[$0 - 1] } ?? ""
    let weekday = Self.weekdays[Int((seconds / 86_400 % 7 + 7) % 7)]
    return "\(weekday), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) GMT"
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  /// From 1970-01-01, a Thursday.
  private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
}
