/// Finds what somebody probably meant.
package enum Spelling {
  /// The candidate that is at most two slips from `word`, but not half of it, or that shares its beginning, of several the one whose
  /// length is nearest; nil when there is none.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    let limit = min(2, word.utf8.count / 2)
    // Words of very different length need no look; so a long one costs nothing.
    let scored = candidates.filter { abs($0.utf8.count - word.utf8.count) <= limit }
      .map { (distance: distance($0, word), candidate: $0) }
    if let near = scored.filter({ $0.distance <= limit }).min(by: { $0.distance < $1.distance }) {
      return near.candidate
    }
    return candidates.filter {
      $0.utf8.count >= 3 && word.utf8.count >= 3 && ($0.hasPrefix(word) || word.hasPrefix($0))
    }
    .min { abs($0.utf8.count - word.utf8.count) < abs($1.utf8.count - word.utf8.count) }
  }

  /// How many insertions, removals, replacements and swaps of neighbours lead from one word to the other, `-` and `_` being one (optimal
  /// string alignment).
  private static func distance(_ one: String, _ other: String) -> Int {
    let one = folded(one)
    let other = folded(other)
    var before: [Int] = []
    var row = Array(0...other.count)
    for (line, letter) in one.enumerated() {
      var next = [line + 1]
      for column in other.indices {
        var least = min(row[column] + (letter == other[column] ? 0 : 1), row[column + 1] + 1, next[column] + 1)
        if line > 0, column > 0, letter == other[column - 1], one[line - 1] == other[column] {
          least = min(least, before[column - 1] + 1)
        }
        next.append(least)
      }
      before = row
      row = next
    }
    return row[other.count]
  }

  private static func folded(_ word: String) -> [UInt8] {
    word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }
}
