extension WallTime {
  /// Parses exactly `YYYYMMDDThhmmssZ`, the form of `x-oss-date` in V4; nil for any other text.
  static func fromCompact(_ text: String) -> WallTime? {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
    func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    return WallTime("\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z")
  }

  /// Parses the form of HTTP's `Date` (RFC 9110, 5.6.7), which V1 signs.
  static func fromHTTPDate(_ text: String) -> WallTime? {
    let words = text.split(separator: " ").map(String.init)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard words.count == 6, let month = months.firstIndex(of: words[2]) else { return nil }
    let number = month + 1
    let time = WallTime("\(words[3])-\(number < 10 ? "0" : "")\(number)-\(words[1])T\(words[4])Z")
    return time?.httpDate == text ? time : nil
  }

  /// `YYYYMMDDThhmmssZ`.
  var compactText: String { String(decoding: isoText.utf8.filter { !"-:".utf8.contains($0) }, as: UTF8.self) }
}
