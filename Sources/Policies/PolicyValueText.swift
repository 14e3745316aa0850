import Core

/// Numbers and times as condition values write them.
enum PolicyValueText {
  /// A finite decimal number; Swift's own parser would also accept `nan` and `0x10`.
  static func number(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ $0.isDigit || "+-.eE".utf8.contains($0) }), let number = Double(text) else {
      return nil
    }
    return number.isFinite ? number : nil
  }

  /// Microseconds since 1970 of a time in ISO 8601, as the vendor's examples have it ("Policy elements", DateLessThan):
  /// `2099-08-01T00:00:00+08:00`, or with `Z`. Seconds may be missing or have a fraction, which is truncated. Nil for any other
  /// text, and for years before 1970.
  static func date(_ text: String) -> Int64? {
    guard let (local, offset) = split(Array(text.utf8)) else { return nil }
    let parts = local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2 else { return nil }
    var fraction: Int64 = 0
    if parts.count == 2 {
      guard (1...9).contains(parts[1].count), parts[0].count == "0000-00-00T00:00:00".utf8.count else { return nil }
      let digits = Array((parts[1] + Array(repeating: UInt8(ascii: "0"), count: 6)).prefix(6))
      guard parts[1].allSatisfy(\.isDigit), let read = Int64(decimal: digits) else { return nil }
      fraction = read
    }
    let hasSeconds = parts[0].count != "0000-00-00T00:00".utf8.count
    let whole = String(decoding: parts[0], as: UTF8.self) + (hasSeconds ? "Z" : ":00Z")
    return UTCTime(whole).map { ($0.seconds - offset) * 1_000_000 + fraction }
  }

  /// The local time, and how many seconds it is ahead of UTC.
  private static func split(_ text: [UInt8]) -> (local: ArraySlice<UInt8>, offset: Int64)? {
    if text.last == UInt8(ascii: "Z") { return (text.dropLast(), 0) }
    let zone = Array(text.suffix(6))
    guard zone.count == 6, zone[3] == UInt8(ascii: ":"), let hours = Int64(decimal: zone[1...2]), hours <= 23,
      let minutes = Int64(decimal: zone[4...5]), minutes <= 59
    else { return nil }
    let offset = hours * 3600 + minutes * 60
    switch zone[0] {
    case UInt8(ascii: "+"): return (text.dropLast(6), offset)
    case UInt8(ascii: "-"): return (text.dropLast(6), -offset)
    default: return nil
    }
  }
}
