/// What the names of the files that we make have in common.
package enum FileName {
  /// In bytes. NAME_MAX (limits.h) is 255, and the name of the file in the making is longer than that of the file.
  package static let maxLength = 200
}

/// A file's name in a role's directory: 1 to 200 bytes, no slash, no dot at its beginning, and none of the names kept for the
/// directory's own working (`current`, `gen-…`).
package struct OutputName: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  package init?(_ text: String) {
    guard (1...FileName.maxLength).contains(text.utf8.count),
      !text.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 }),
      !text.hasPrefix("."), text != "current", !text.hasPrefix("gen-")
    else { return nil }
    description = text
  }
}
