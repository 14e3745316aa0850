/// Chance that follows from an input alone, so that a saved input shows the same failure again.
package struct Chance: RandomNumberGenerator {
  private var state: UInt64

  package init(of input: UnsafeBufferPointer<UInt8>) {
    // FNV-1a of 64 bits.
    state = input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
  }

  /// SplitMix64.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
