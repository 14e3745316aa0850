import Core
import JSON

/// A line of the journal: a JSON object whose last member is a checksum of what comes before it.
///
///     {"journal":"vod-upload","version":1,"crc32c":"88677ae4"}
///     {"record":"part","file":0,"part":1,"offset":0,"length":1048576,"etag":"\"3349…\"","crc64":"110…","synced":412,"crc32c":"0e8a…"}
///
/// `crc32c` has eight hexadecimal digits: the CRC-32C of all bytes of the line before `,"crc32c"`.
///
/// `synced` is how many bytes of the file were known to be on the disk when the line was written; it is only written
/// when it has grown. By it a reader knows which part of the file a power failure can't have damaged.
enum JournalLine: Equatable {
  case header(version: Int64)
  case record(JournalRecord)
  /// Only states how much is on the disk.
  case mark

  /// The version that this build writes.
  static let version: Int64 = 1
  static let name = "vod-upload"
  /// The maximum length without the line feed. It is enough for two paths of 4096 bytes, each byte written as an escape
  /// of six.
  static let maxLength = 65_536

  /// Appends the line with its line feed.
  func write(to bytes: inout [UInt8], synced: Int64? = nil) {
    let start = bytes.count
    var json = JSONWriter(bytes)
    bytes = []
    json.object { json in
      switch self {
      case .header(let version):
        json.member("journal", Self.name)
        json.member("version", version)
      case .record(let record): record.write(to: &json)
      case .mark: json.member("record", "mark")
      }
      if let synced { json.member("synced", synced) }
    }
    bytes = json.finish()
    bytes.removeLast()
    Self.seal(&bytes, from: start)
  }

  /// Ends the line that begins at `start`, and lacks its closing brace, with the checksum, the brace and a line feed.
  static func seal(_ bytes: inout [UInt8], from start: Int) {
    let checksum = CRC32C.checksum(of: bytes.span.extracting(start..<bytes.count))
    for index in 0..<checksumLength { bytes.append(ending(of: checksum, at: index)) }
    bytes.append(UInt8(ascii: "\n"))
  }

  private static let checksumKey: StaticString = ",\"crc32c\":\""
  /// From the comma to the closing brace.
  private static let checksumLength = 21

  /// A byte of what follows the checked bytes.
  private static func ending(of checksum: UInt32, at index: Int) -> UInt8 {
    let digit = index - checksumKey.utf8CodeUnitCount
    switch digit {
    case ..<0: return checksumKey.utf8Start[index]
    case 0..<8:
      return UInt8(hexDigitOf: UInt8(truncatingIfNeeded: checksum >> (28 - 4 * UInt32(digit))) & 15)
    default: return UInt8(ascii: digit == 8 ? "\"" : "}")
    }
  }

  /// Whether the checksum of the line, without its line feed, is right.
  static func isWhole(_ line: Span<UInt8>) -> Bool {
    let body = line.count - checksumLength
    guard body > 0, line.count <= maxLength else { return false }
    let checksum = CRC32C.checksum(of: line.extracting(0..<body))
    return (0..<checksumLength).allSatisfy { line[body + $0] == ending(of: checksum, at: $0) }
  }

  struct Reading: Equatable {
    let line: JournalLine
    /// Nil if the line doesn't have it.
    let synced: Int64?
  }

  /// Reads a line whose checksum is right; nil if this format doesn't have its content.
  static func read(_ line: Span<UInt8>) -> Reading? {
    guard let document = try? JSONDocument(line) else { return nil }
    let root = document.root
    let synced = root["synced"]?.int
    if let name = root["journal"] {
      guard name.string() == Self.name, let version = root["version"]?.int else { return nil }
      return Reading(line: .header(version: version), synced: synced)
    }
    if let kind = root["record"]?.string(), kind == "mark" { return Reading(line: .mark, synced: synced) }
    return JournalRecord(root).map { Reading(line: .record($0), synced: synced) }
  }
}
