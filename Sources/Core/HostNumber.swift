/// A number that is always the same for the same name of a host, on every machine and in every version: it decides on the host's place
/// among others.
package enum HostNumber {
  package static func of(_ name: String) -> UInt32 { spread(CRC32C.checksum(of: Array(name.utf8).span)) }

  /// Names that differ in one digit have checksums that are near each other; this is MurmurHash3's finalizer.
  private static func spread(_ sum: UInt32) -> UInt32 {
    var hash = sum
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    return hash ^ hash >> 16
  }

  /// The shard, from 0, of the host with this number.
  package static func shard(of number: UInt32, among shards: Int) -> Int { Int(number % UInt32(shards)) }
}
