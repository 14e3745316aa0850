/// What readers of an output find, as far as a look at it shows.
package enum OutputContent: Hashable, Sendable {
  /// It couldn't be looked at.
  case unknown
  /// There is no file.
  case absent
  /// A file is there. `rotation` is the role's generation in it, nil where no record says so; `end` is when its credential ends, in seconds
  /// since 1970.
  case present(rotation: UInt64?, end: Int)
}
