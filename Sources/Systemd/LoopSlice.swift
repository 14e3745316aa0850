/// Work that takes long and is done bit by bit, so that the loop serves others in between.
package enum LoopSlice {
  /// How long others wait for a slice, beyond its last bit. Two may come before a request, whose client may send the next one only then:
  /// a client that asks each millisecond must not fall behind.
  package static let length = Duration.microseconds(250)
}
