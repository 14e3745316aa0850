import Core

/// SplitMix64: small, seedable, and the same everywhere.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A fraction from 0 up to 1, without 1.
  mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }

  /// Whether something happens that does so with this share.
  mutating func happens(_ share: Double) -> Bool { share > 0 && fraction() < share }

  mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
    range.lowerBound + .microseconds(Int64(fraction() * Double((range.upperBound - range.lowerBound).microseconds)))
  }
}

/// No chance at all: whatever is drawn by a fraction is the middle of its range.
struct MiddleGenerator: RandomNumberGenerator {
  // Held, not computed: a variable of an empty type has no address, and ThreadSanitizer (Swift 6.3.1) looks at that of each inout argument.
  private let middle: UInt64 = 1 << 63

  mutating func next() -> UInt64 { middle }
}
