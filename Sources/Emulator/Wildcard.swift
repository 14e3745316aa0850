/// Patterns in which `*` stands for any run of bytes.
enum Wildcard {
  /// Whether all of `text` fits `pattern`. With `singles`, `?` stands for any one byte; it is documented for
  /// StringLike only, so actions and resources take it literally.
  static func matches(_ pattern: String, _ text: String, singles: Bool = false) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var at = 0
    var place = 0
    // Where to resume when the bytes after the last star don't fit: one byte further.
    var star: (pattern: Int, text: Int)?
    while place < text.count {
      if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == text[place] || singles && pattern[at] == UInt8(ascii: "?") {
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
    return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
