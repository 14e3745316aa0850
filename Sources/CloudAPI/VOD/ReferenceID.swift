internal import Core

/// The id that an uploader gives a video, unique in the account: 6 to 64 of `A-Z a-z 0-9 _ -` (VOD API reference,
/// CreateUploadVideo, ReferenceId).
package struct ReferenceID: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// Nil for a text that VOD doesn't accept.
  package init?(_ text: String) {
    let isFit = text.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    guard isFit, (6...64).contains(text.utf8.count) else { return nil }
    description = text
  }
}
