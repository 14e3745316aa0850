/// The information about a finished object.
package struct StoredObject: Sendable, Equatable {
  /// In bytes.
  package let size: Int
  /// CRC-64/XZ of its content, as in `x-oss-hash-crc64ecma`.
  package let crc64: UInt64
  /// With its quotes.
  package let etag: String
  /// When it was finished, by the emulator's clock.
  package let time: WallTime
  /// How often a PUT or Complete has written it; 2 means that it was overwritten.
  package let writes: Int
}
