/// Times in policies.
extension WallTime {
  /// Reads ISO 8601 as the vendor's examples have it ("Policy elements", DateLessThan): `2099-08-01T00:00:00+08:00`, or with `Z`.
  /// Seconds may be missing or have a fraction, which is truncated to microseconds; nil for any other text.
  static func ofPolicy(_ text: String) -> WallTime? {
    let bytes = Array(text.utf8)
    guard let (zoneStart, offsetSeconds) = zone(bytes) else { return nil }
    var local = String(decoding: bytes[..<zoneStart], as: UTF8.self)
    var fraction: Int64 = 0
    if let dot = local.firstIndex(of: ".") {
      let digits = local[local.index(after: dot)...]
      guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy(RoleReference.isDigit) else { return nil }
      fraction = Int64(digits.prefix(6) + String(repeating: "0", count: max(0, 6 - digits.count))) ?? 0
      local = String(local[..<dot])
      guard local.utf8.count == "0000-00-00T00:00:00".utf8.count else { return nil }
    }
    if local.utf8.count == "0000-00-00T00:00".utf8.count { local += ":00" }
    guard let time = WallTime("\(local)Z") else { return nil }
    return WallTime(microseconds: time.microseconds - offsetSeconds * 1_000_000 + fraction)
  }

  /// Where the time zone begins, and how many seconds it is ahead of UTC.
  private static func zone(_ text: [UInt8]) -> (start: Int, offsetSeconds: Int64)? {
    if text.last == UInt8(ascii: "Z") { return (text.count - 1, 0) }
    let zone = text.suffix(6)
    guard zone.count == 6, let sign = zone.first, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(sign),
      zone[zone.startIndex + 3] == UInt8(ascii: ":")
    else { return nil }
    let digits = [1, 2, 4, 5].map { zone[zone.startIndex + $0] }
    guard digits.allSatisfy(RoleReference.isDigit) else { return nil }
    let numbers = digits.map { Int64($0 - UInt8(ascii: "0")) }
    let (hours, minutes) = (numbers[0] * 10 + numbers[1], numbers[2] * 10 + numbers[3])
    guard hours <= 23, minutes <= 59 else { return nil }
    return (zone.startIndex, (sign == UInt8(ascii: "+") ? 1 : -1) * (hours * 3600 + minutes * 60))
  }
}
