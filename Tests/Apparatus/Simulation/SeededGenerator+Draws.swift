import Core
import TestSupport

extension SeededGenerator {
  /// A fraction from 0 up to 1, without 1.
  mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }

  /// Whether something happens that does so with this share.
  mutating func happens(_ share: Double) -> Bool { share > 0 && fraction() < share }

  mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
    range.lowerBound + .microseconds(Int64(fraction() * Double((range.upperBound - range.lowerBound).microseconds)))
  }
}
