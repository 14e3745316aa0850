// One random number per result and plain arithmetic: the standard library's random ranges are generic in generator and number, and
// cost as much as the rest of a refresh.

extension RandomNumberGenerator {
  /// Uniformly distributed from 0 up to, but not including, 1.
  mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
}

extension Duration {
  /// Uniformly distributed over the range, in whole microseconds.
  package static func random(
    in range: ClosedRange<Duration>, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let (least, most) = (range.lowerBound.microseconds, range.upperBound.microseconds)
    return .span(microseconds: least + Int64(generator.fraction() * Double(most - least + 1)))
  }
}
