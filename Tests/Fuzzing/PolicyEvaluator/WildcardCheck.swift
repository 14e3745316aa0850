import FuzzSupport

@testable import Emulator

/// Holds the matching of patterns against a plain table of which prefix fits which.
enum WildcardCheck {
  static func check(_ pattern: String, _ text: String) {
    guard pattern.utf8.count * text.utf8.count <= 4096 else { return }
    for singles in [false, true] {
      let expected = fits(Array(pattern.utf8), Array(text.utf8), singles)
      let found = Wildcard.matches(pattern, text, singles: singles)
      require(found == expected, "'\(pattern)' and '\(text)' \(found ? "fit" : "don't fit"), singles \(singles)")
    }
  }

  private static func fits(_ pattern: [UInt8], _ text: [UInt8], _ singles: Bool) -> Bool {
    // Which prefixes of the text fit the pattern so far.
    var fits = [true] + text.map { _ in false }
    for symbol in pattern {
      if symbol == UInt8(ascii: "*") {
        for end in text.indices where fits[end] { fits[end + 1] = true }
      } else {
        let isAny = singles && symbol == UInt8(ascii: "?")
        fits = [false] + text.indices.map { fits[$0] && (isAny || text[$0] == symbol) }
      }
    }
    return fits[text.count]
  }
}
