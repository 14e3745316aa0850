/// Limits of the names of files that the daemon writes.
package enum FileName {
  /// In bytes. NAME_MAX (limits.h) is 255, and the names of the temporary file and the record are longer than the file's.
  package static let maxLength = 200
}

/// The name of a file in a role's directory: 1 to 200 bytes, no slash or NUL, no dot at the beginning, and not one of the directory's
/// reserved names (`current`, `gen-…`).
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
