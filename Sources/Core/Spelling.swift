/// Suggestions for misspelled words.
package enum Spelling {
  /// The candidate with the fewest slips from `word`, at most two and at most half of its length. Else one that begins with `word`
  /// or that `word` begins with, both of at least 3 bytes; of several the one closest in length. nil if there is none.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    let limit = min(2, word.utf8.count / 2)
    // Words of very different length are skipped, so a long one costs nothing.
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

  /// The slips between two words: how many insertions, removals, replacements and swaps of neighbors lead from one to the other
  /// (optimal string alignment). Case doesn't count, and `-` equals `_`.
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
