/// Patterns in which `*` stands for any run of characters.
enum Wildcard {
  /// Whether all of `text` matches `pattern`. With `singles`, `?` stands for any single character; it is documented only for
  /// StringLike, so for actions and resources it is literal.
  ///
  /// The vendor doesn't define a character (?); here it is a Unicode scalar, so that é as one scalar and é as two stay different,
  /// as they are for StringEquals.
  static func matches(_ pattern: String, _ text: String, singles: Bool = false) -> Bool {
    let pattern = Array(pattern.unicodeScalars)
    let text = Array(text.unicodeScalars)
    var at = 0
    var place = 0
    // Where to resume if the rest after the last star doesn't match: one character further.
    var star: (pattern: Int, text: Int)?
    while place < text.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == text[place] || singles && pattern[at] == "?" {
        at += 1
        place += 1
      } else if let last = star {
        star = (last.pattern, last.text + 1)
        at = last.pattern + 1
        place = last.text + 1
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }
}
