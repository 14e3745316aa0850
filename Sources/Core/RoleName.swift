/// The name of one `[roles.NAME]` of the settings: `[a-z0-9][a-z0-9_-]{0,31}`.
///
/// It is safe as a file name, a URL segment, a metric label and a journal field as it stands.
package struct RoleName: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let description: String

  package init?(_ text: some StringProtocol) { self.init(String(text)) }

  /// Every request names a role, so this isn't generic: from another module that took a third of a request's instructions.
  package init?(_ text: String) {
    let bytes = text.utf8
    guard let first = bytes.first, bytes.count <= 32, Self.isLetterOrDigit(first),
      bytes.allSatisfy({ Self.isLetterOrDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") })
    else { return nil }
    description = text
  }

  package static func < (left: RoleName, right: RoleName) -> Bool { left.description < right.description }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
