/// The mark that some editors put in front of a text (Unicode Standard, section 23.8). In front of UTF-8 it means nothing and is
/// skipped; in front of UTF-16 it shows that the encoding isn't supported.
package enum ByteOrderMark {
  /// How many bytes to skip at the beginning of a UTF-8 text: 3 or 0.
  package static func length(in text: Span<UInt8>) -> Int {
    text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF ? 3 : 0
  }

  /// Whether the text is UTF-16, of either byte order.
  package static func isUTF16(_ text: Span<UInt8>) -> Bool {
    text.count >= 2 && (text[0] == 0xFF && text[1] == 0xFE || text[0] == 0xFE && text[1] == 0xFF)
  }

  /// The text without the mark.
  package static func removed(from text: [UInt8]) -> [UInt8] {
    let length = length(in: text.span)
    return length == 0 ? text : Array(text[length...])
  }
}
