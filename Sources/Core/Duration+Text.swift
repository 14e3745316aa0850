extension Duration {
  /// Parses a duration with units: `90s`, `20min`, `1h`, `1h30min`; whole numbers, larger units first, each at most once.
  ///
  /// Nil for anything else, also for a number without a unit, which readers would have to guess. At most 10 000 h.
  package init?(text: some StringProtocol) {
    var rest = text.utf8[...]
    var seconds: Int64 = 0
    var smallest = Int64.max
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix(while: \.isDigit)
      rest = rest[digits.endIndex...]
      let letters = rest.prefix(while: \.isLowercaseLetter)
      rest = rest[letters.endIndex...]
      guard (1...9).contains(digits.count), let number = Int64(String(decoding: digits, as: UTF8.self)),
        let unit = Self.secondsPerUnit(String(decoding: letters, as: UTF8.self)), unit < smallest
      else { return nil }
      smallest = unit
      seconds += number * unit
    }
    guard seconds <= 36_000_000 else { return nil }
    self = .seconds(seconds)
  }

  /// The duration as the settings write it, truncated to whole seconds: `1h30min`, `15min`, `90s` as `1min30s`, zero as `0s`.
  package var text: String {
    let total = max(0, components.seconds)
    let parts = [(total / 3600, "h"), (total / 60 % 60, "min"), (total % 60, "s")].filter { $0.0 > 0 }
    return parts.isEmpty ? "0s" : parts.map { "\($0.0)\($0.1)" }.joined()
  }

  /// Rounded down to whole minutes if that loses little, otherwise to whole seconds; never below zero.
  package var roundedDown: Duration {
    wholeSeconds >= 120 ? .seconds(wholeSeconds / 60 * 60) : .seconds(max(0, wholeSeconds))
  }

  private static func secondsPerUnit(_ unit: String) -> Int64? {
    switch unit {
    case "s": 1
    case "min": 60
    case "h": 3600
    default: nil
    }
  }
}
