/// What readers of an output find, as far as a check shows it.
package enum OutputContent: Hashable, Sendable {
  /// It couldn't be examined.
  case unknown
  /// There is no file.
  case absent
  /// There is a file. `generation` is the role's generation in it, nil if no record has it; `end` is when its credential expires,
  /// in seconds since 1970.
  case present(generation: UInt64?, end: Int)
}
