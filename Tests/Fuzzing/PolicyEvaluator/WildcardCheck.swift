import FuzzSupport

@testable import Emulator

/// Holds the matching of patterns against a plain table of which prefix fits which.
enum WildcardCheck {
  static func check(_ pattern: String, _ text: String) {
    guard pattern.utf8.count * text.utf8.count <= 4096 else { return }
    for singles in [false, true] {
      let expected = fits(Array(pattern.unicodeScalars), Array(text.unicodeScalars), singles)
      let found = Wildcard.matches(pattern, text, singles: singles)
      require(found == expected, "'\(pattern)' and '\(text)' \(found ? "fit" : "don't fit"), singles \(singles)")
    }
  }

  private static func fits(_ pattern: [Unicode.Scalar], _ text: [Unicode.Scalar], _ singles: Bool) -> Bool {
    // Which prefixes of the text fit the pattern so far.
    var fits = [true] + text.map { _ in false }
    for symbol in pattern {
      if symbol == "*" {
        for end in text.indices where fits[end] { fits[end + 1] = true }
      } else {
        let isAny = singles && symbol == "?"
        fits = [false] + text.indices.map { fits[$0] && (isAny || text[$0] == symbol) }
      }
    }
    return fits[text.count]
  }
}
