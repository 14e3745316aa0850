import Testing

@testable import Policies

@Suite struct WildcardPatternTests {
  /// All texts of up to `length` of these characters.
  static func texts(_ alphabet: String, upTo length: Int) -> [String] {
    var all = [""]
    var last = [""]
    for _ in 0..<length {
      last = last.flatMap { start in alphabet.map { start + String($0) } }
      all += last
    }
    return all
  }

  @Test func `a star matches any run, and everything else itself`() {
    #expect(WildcardPattern("oss:Get*").matches("oss:GetObject"))
    #expect(WildcardPattern("*a*b").matches("xaaxb") && !WildcardPattern("*a*b").matches("xaaxbc"))
    #expect(WildcardPattern("a?").matches("a?") && !WildcardPattern("a?").matches("ab"))
    #expect(WildcardPattern("a?").matches("ab", singles: true) && !WildcardPattern("a?").matches("a", singles: true))
    #expect(WildcardPattern("").matches("") && !WildcardPattern("").matches("a"))
    #expect(!WildcardPattern("\u{E9}").matches("e\u{301}"))
  }

  /// A third character stands for those that no pattern names.
  @Test func `covering and overlapping agree with all short texts`() {
    let patterns = Self.texts("ab*", upTo: 3).map { WildcardPattern($0) }
    let texts = Self.texts("abc", upTo: 5)
    let matches = patterns.map { pattern in Set(texts.indices.filter { pattern.matches(texts[$0]) }) }
    for (index, one) in patterns.enumerated() {
      for (other, two) in patterns.enumerated() {
        #expect(
          one.covers(two) == matches[index].isSuperset(of: matches[other]), "\(one.text) and \(two.text)")
        #expect(
          one.overlaps(two) == !matches[index].isDisjoint(with: matches[other]), "\(one.text) and \(two.text)")
      }
    }
  }

  @Test func `a pattern that several cover together is covered by one of them`() {
    let patterns = Self.texts("ab*", upTo: 2).map { WildcardPattern($0) }
    let texts = Self.texts("abc", upTo: 4)
    let matches = patterns.map { pattern in Set(texts.indices.filter { pattern.matches(texts[$0]) }) }
    for one in patterns.indices {
      for first in patterns.indices {
        for second in patterns.indices where second > first {
          let isCovered = matches[one].allSatisfy { matches[first].contains($0) || matches[second].contains($0) }
          let isByOne = patterns[first].covers(patterns[one]) || patterns[second].covers(patterns[one])
          if isCovered != isByOne {
            Issue.record("\(patterns[one].text): \(patterns[first].text), \(patterns[second].text)")
          }
        }
      }
    }
  }

  @Test func `a loosened pattern matches in other case, and any character in the place of a question mark`() {
    let loose = WildcardPattern("acs:oss:*:*:Bucket/?").loosened
    #expect(loose.matches("acs:oss:*:*:bucket/x") && loose.matches("acs:oss:a:b:bucket/?"))
    #expect(!loose.matches("acs:oss:a:b:buckets/x"))
  }
}
