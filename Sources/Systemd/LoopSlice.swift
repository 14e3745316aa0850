/// Long work that is done in slices, so that the loop serves others in between.
package enum LoopSlice {
  /// The length of a slice, beyond its last step. Two slices may come before a request, and the client may send its next one only
  /// after that: a client with a request each millisecond must not fall behind.
  package static let length = Duration.microseconds(250)
}
