// One draw per figure and plain arithmetic: the standard library's ranges are generic in the generator and in the number, and
// cost as much as all the rest of a refresh.

extension RandomNumberGenerator {
  /// From 0 up to 1, without 1.
  mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
}

extension Duration {
  /// Anything in the range, alike, to the microsecond.
  package static func random(
    in range: ClosedRange<Duration>, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let (least, most) = (range.lowerBound.microseconds, range.upperBound.microseconds)
    return .span(microseconds: least + Int64(generator.fraction() * Double(most - least + 1)))
  }
}
