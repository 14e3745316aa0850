extension ByteCount {
  /// Parses a size with its unit: `512B`, `100kB`, `16MiB`; a whole number, and a unit of 1000 (`kB`, `MB`, `GB`, `TB`) or of 1024 (`KiB`, `MiB`,
  /// `GiB`, `TiB`).
  ///
  /// Nil for anything else, also for a number without a unit, which readers would have to guess, and for bits (`Mb`).
  package static func parse(_ text: some StringProtocol) -> Int64? {
    let digits = text.utf8.prefix(while: \.isDigit)
    let unit = String(decoding: text.utf8.dropFirst(digits.count), as: UTF8.self)
    guard (1...18).contains(digits.count), let number = Int64(String(decoding: digits, as: UTF8.self)),
      let bytes = bytes(perUnit: unit)
    else { return nil }
    let (size, overflow) = number.multipliedReportingOverflow(by: bytes)
    return overflow ? nil : size
  }

  /// Parses a rate, a size per second: `10MB/s`. In bytes per second.
  package static func parseRate(_ text: some StringProtocol) -> Int64? {
    let suffix = "/s"
    guard text.hasSuffix(suffix) else { return nil }
    return parse(text.dropLast(suffix.count))
  }

  private static func bytes(perUnit unit: String) -> Int64? {
    switch unit {
    case "B": 1
    case "kB", "KB": 1000
    case "MB": 1_000_000
    case "GB": 1_000_000_000
    case "TB": 1_000_000_000_000
    case "KiB", "kiB": 1 << 10
    case "MiB": 1 << 20
    case "GiB": 1 << 30
    case "TiB": 1 << 40
    default: nil
    }
  }
}
