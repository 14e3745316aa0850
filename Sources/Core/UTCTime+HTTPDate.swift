extension UTCTime {
  /// Parses a `Date` header in its one current form, IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
  ///
  /// Nil for the obsolete forms, for other spellings of GMT, and for a day of the week that isn't the date's.
  ///
  /// Works on bytes: each answer has a date, and parsing it as String took as long as signing the request.
  package init?(httpDate text: String) {
    var text = text
    guard let time = text.withUTF8({ Self.time(httpDate: $0) }) else { return nil }
    self = time
  }

  private static func time(httpDate bytes: UnsafeBufferPointer<UInt8>) -> UTCTime? {
    guard bytes.count == 29 else { return nil }
    func holds(_ text: StaticString, at start: Int) -> Bool {
      text.withUTF8Buffer { word in word.indices.allSatisfy { word[$0] == bytes[start + $0] } }
    }
    func number(_ range: Range<Int>) -> Int64? {
      var number: Int64 = 0
      for place in range {
        guard bytes[place].isDigit else { return nil }
        number = number * 10 + Int64(bytes[place] - UInt8(ascii: "0"))
      }
      return number
    }
    guard holds(", ", at: 3), holds(" ", at: 7), holds(" ", at: 11), holds(" ", at: 16), holds(":", at: 19),
      holds(":", at: 22), holds(" GMT", at: 25), let month = months.firstIndex(where: { holds($0, at: 8) }),
      let day = number(5..<7), let year = number(12..<16), let hour = number(17..<19), let minute = number(20..<22),
      let second = number(23..<25),
      let time = UTCTime(year: year, month: Int64(month) + 1, day: day, hour: hour, minute: minute, second: second)
    else { return nil }
    return holds(weekdays[Int(time.seconds / 86_400 % 7)], at: 0) ? time : nil
  }

  /// The time in the same form: `Sun, 06 Nov 1994 08:49:37 GMT`.
  package var httpDate: String {
    let text = Array(description.utf8)
    func part(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
    let month = Int(part(5..<7)).map { "\(Self.months[$0 - 1])" } ?? ""
    let weekday = Self.weekdays[Int((seconds / 86_400 % 7 + 7) % 7)]
    return "\(weekday), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) GMT"
  }

  private static let months: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  /// The first entry is a Thursday, the weekday of 1970-01-01.
  private static let weekdays: [StaticString] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
}
