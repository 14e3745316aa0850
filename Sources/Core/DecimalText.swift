extension Double {
  /// The number in decimal digits, without an exponent and without zeros at the end: rounded to `places` decimals, or to more where fewer than
  /// `digits` digits that count would be left of it. For finite numbers below 10^15.
  package func decimalText(places: Int, atLeast digits: Int) -> String {
    var (places, scale) = (places, 1.0)
    for _ in 0..<places { scale *= 10 }
    var least = 1.0
    for _ in 1..<digits { least *= 10 }
    while magnitude > 0, magnitude * scale < least, places < 15 {
      scale *= 10
      places += 1
    }
    let (whole, rest) = UInt64((magnitude * scale).rounded()).quotientAndRemainder(dividingBy: UInt64(scale))
    let sign = self < 0 && (whole > 0 || rest > 0) ? "-" : ""
    guard rest > 0 else { return "\(sign)\(whole)" }
    var fraction = String(rest)
    fraction = String(repeating: "0", count: places - fraction.utf8.count) + fraction
    while fraction.last == "0" { fraction.removeLast() }
    return "\(sign)\(whole).\(fraction)"
  }
}
