/// Why a store can't be used: none of it is then.
package enum StoreDefect: Error, Hashable, Sendable, CustomStringConvertible {
  case notAStore
  /// Another build wrote it, in its own format.
  case otherVersion(UInt32)
  /// Its times are those of another boot's clock.
  case otherBoot
  case headerDamaged
  /// It says that it has so many bytes, and there are fewer.
  case cutOff(Int, there: Int)
  /// The record that begins at this byte isn't as it was written.
  case recordDamaged(at: Int)
  /// The record that begins at this byte is whole, and its content is none that this build writes.
  case recordUnknown(at: Int)

  package var description: String {
    switch self {
    case .notAStore: "it isn't a store of sessions"
    case .otherVersion(let version): "it has format \(version), and this build reads \(StoreHeader.version)"
    case .otherBoot: "it was made before the host was last booted"
    case .headerDamaged: "its header is damaged"
    case .cutOff(let count, let there): "it should have \(count) bytes and has \(there)"
    case .recordDamaged(let place): "it is damaged at byte \(place)"
    case .recordUnknown(let place): "what is at byte \(place) can't be read"
    }
  }
}
