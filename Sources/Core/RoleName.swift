/// The name of one `[roles.NAME]` of the settings: `[a-z0-9][a-z0-9_-]{0,31}`.
///
/// It is safe as a file name, a URL segment, a metric label and a journal field as it stands.
package struct RoleName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The rule as messages show it.
  package static let rule = "1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"

  package let description: String

  package init?(_ text: some StringProtocol) { self.init(Array(text.utf8).span) }

  /// Makes a String only of a valid name, since every request names a role.
  package init?(_ bytes: Span<UInt8>) {
    guard (1...32).contains(bytes.count), Self.isBase(bytes[0]) else { return nil }
    for place in 1..<bytes.count {
      let byte = bytes[place]
      guard Self.isBase(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") else { return nil }
    }
    description = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  package static func < (left: RoleName, right: RoleName) -> Bool { left.description < right.description }

  /// Whether a name may begin with this byte.
  private static func isBase(_ byte: UInt8) -> Bool { byte.isLowercaseLetter || byte.isDigit }
}
