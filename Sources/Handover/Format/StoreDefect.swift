/// Why a store can't be used, not even in part.
package enum StoreDefect: Error, Hashable, Sendable, CustomStringConvertible {
  case notAStore
  /// A build with another version of the format wrote it.
  case otherVersion(UInt32)
  /// Its times are on the clock of another boot.
  case otherBoot
  case headerDamaged
  /// Its header states this length, and it has fewer bytes.
  case cutOff(Int, there: Int)
  /// The checksum of the record at this offset is wrong.
  case recordDamaged(at: Int)
  /// The record at this offset has the right checksum, and content that this build never writes.
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
