/// A text in which each `*` stands for any run of characters, also an empty one.
///
/// The vendor doesn't define a character (?); here it is a Unicode scalar, so that é as one scalar and é as two are different. `?` is
/// documented as a wildcard for StringLike alone; in actions and resources it stands for itself (?).
struct WildcardPattern: Hashable, Sendable {
  let scalars: [Unicode.Scalar]

  init(_ text: some StringProtocol) { scalars = Array(text.unicodeScalars) }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  var text: String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  private static let star: Unicode.Scalar = "*"

  /// Whether it matches every text.
  var matchesAll: Bool { !scalars.isEmpty && scalars.allSatisfy { $0 == Self.star } }

  /// The pattern in lower case, for comparisons without regard to case.
  var folded: WildcardPattern { WildcardPattern(text.lowercased()) }

  /// A pattern that matches at least as much, whether case matters or not and whether `?` is a wildcard or not.
  var loosened: WildcardPattern {
    WildcardPattern(scalars: folded.scalars.map { $0 == "?" ? Self.star : $0 })
  }

  /// Whether all of `text` matches. With `singles`, `?` stands for any single character.
  func matches(_ text: String, singles: Bool = false) -> Bool { matches(text.unicodeScalars.map { $0 }, singles) }

  /// Whether every text that matches `other` matches this pattern as well.
  ///
  /// A character that occurs in neither pattern decides: the text of `other` with that character for each `*` matches this pattern
  /// only if a `*` takes it, which then takes any other run in its place, too. It follows that of several patterns together none is
  /// needed but one: if they cover `other`, the one that matches this text covers it alone.
  func covers(_ other: WildcardPattern) -> Bool {
    matches(other.scalars.map { $0 == Self.star ? nil : $0 }, false)
  }

  /// Whether a text can match both.
  ///
  /// If both have a `*`, they only need to agree where both begin and where both end: what is between fits one behind the other.
  func overlaps(_ other: WildcardPattern) -> Bool {
    guard let first = scalars.firstIndex(of: Self.star), let last = scalars.lastIndex(of: Self.star) else {
      return other.matches(scalars, false)
    }
    guard let otherFirst = other.scalars.firstIndex(of: Self.star),
      let otherLast = other.scalars.lastIndex(of: Self.star)
    else { return matches(other.scalars, false) }
    let starts = zip(scalars[..<first], other.scalars[..<otherFirst])
    let ends = zip(scalars[(last + 1)...].reversed(), other.scalars[(otherLast + 1)...].reversed())
    return starts.allSatisfy { $0 == $1 } && ends.allSatisfy { $0 == $1 }
  }

  /// A nil of `text` is a character that no pattern names.
  private func matches(_ text: [Unicode.Scalar?], _ singles: Bool) -> Bool {
    var at = 0
    var place = 0
    var resume: (at: Int, place: Int)?
    while place < text.count {
      if at < scalars.count, scalars[at] == Self.star {
        at += 1
        resume = (at, place)
      } else if at < scalars.count, singles && scalars[at] == "?" || scalars[at] == text[place] {
        at += 1
        place += 1
      } else if let last = resume {
        // The last `*` takes one character more.
        (at, place) = (last.at, last.place + 1)
        resume = (at, place)
      } else {
        return false
      }
    }
    return scalars[at...].allSatisfy { $0 == Self.star }
  }
}
