/// Sizes in bytes as people read them.
package enum ByteCount {
  private static let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// Three digits and a binary unit: `0 B`, `999 B`, `1.46 KiB`, `14.6 MiB`, `146 GiB`. Truncated, so that 100 % isn't shown too early.
  package static func text(_ count: Int64) -> String {
    let count = max(0, count)
    if count < 1000 { return "\(count) B" }
    // In hundredths of the unit; at most 10^5 of them.
    var hundredths = Int128(count) * 100 / 1024
    var unit = 0
    while hundredths >= 100_000, unit < units.count - 1 {
      hundredths /= 1024
      unit += 1
    }
    let (whole, rest) = (hundredths / 100, hundredths % 100)
    let digits: String =
      switch whole {
      case 0..<10: "\(whole).\(rest < 10 ? "0" : "")\(rest)"
      case 10..<100: "\(whole).\(rest / 10)"
      default: "\(whole)"
      }
    return "\(digits) \(units[unit])"
  }
}
