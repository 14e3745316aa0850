/// A pattern for hosts by the names in their certificates, as `allow.hosts` has them: `*.prod.example`, `spiffe://prod.example/web/*`.
///
/// `*` stands for any characters within one label of a DNS name, or one segment of a URI's path: it doesn't match a dot, or a slash. `**` matches
/// those, too. So a pattern never admits more than it looks like: `*.example` isn't open to `web7.test.example`.
package struct HostPattern: Hashable, Sendable, CustomStringConvertible {
  package static let mostBytes = 2048

  private enum Token: Hashable {
    case byte(UInt8)
    /// Any characters but the separator.
    case within
    /// Any characters.
    case across
  }

  /// As it is written; a DNS pattern in lower case.
  package let description: String
  /// Whether it is for URIs, otherwise for DNS names and common names.
  package let isOfURIs: Bool

  /// Nil for a text that no name can match. One with `://` is for URIs.
  package init?(_ text: String) {
    isOfURIs = text.utf8.contains(UInt8(ascii: ":"))
    if isOfURIs {
      guard text.utf8.count <= Self.mostBytes, Self.scheme(of: text) != nil, text.utf8.allSatisfy(\.isURIText) else {
        return nil
      }
      description = text
    } else {
      // With a letter for each wildcard it has to be a name.
      let name = text.utf8.map { $0 == Self.star ? UInt8(ascii: "x") : $0 }
      guard CertificateNames.isDNSName(String(decoding: name, as: UTF8.self)) else { return nil }
      description = text.lowercased()
    }
  }

  /// Whether it matches every DNS name or every URI of some length.
  package var isOpen: Bool { description.utf8.allSatisfy { $0 == Self.star || $0 == UInt8(ascii: ".") } }

  /// Whether one of the names that count matches: of a pattern for URIs, any URI; of another, any DNS name, or the common name.
  package func matches(_ names: CertificateNames) -> Bool {
    if isOfURIs { return names.uris.contains(where: matches) }
    return names.dns.contains(where: matches) || names.commonName.map(matches) ?? false
  }

  private var separator: UInt8 { isOfURIs ? UInt8(ascii: "/") : UInt8(ascii: ".") }

  /// A new host's names are matched with all patterns, and most of them differ before the first wildcard or after the last.
  func matches(_ name: String) -> Bool {
    let (pattern, bytes) = (description.utf8Span.span, name.utf8Span.span)
    var start = 0
    while start < pattern.count, pattern[start] != Self.star {
      guard start < bytes.count, pattern[start] == bytes[start] else { return false }
      start += 1
    }
    if start == pattern.count { return start == bytes.count }
    var (end, last) = (bytes.count, pattern.count - 1)
    while pattern[last] != Self.star {
      guard start < end, pattern[last] == bytes[end - 1] else { return false }
      (end, last) = (end - 1, last - 1)
    }
    for place in start...last where pattern[place] != Self.star { return matchesStepwise(name) }
    if start < last { return true }
    for place in start..<end where bytes[place] == separator { return false }
    return true
  }

  /// In time proportional to the product of both lengths, whatever they are.
  func matchesStepwise(_ name: String) -> Bool {
    let (tokens, separator) = (tokens, separator)
    // Which tokens may be next after the bytes so far; the last place is for none.
    var next = [Bool](repeating: false, count: tokens.count + 1)
    next[0] = true
    skipWildcards(tokens, &next)
    for byte in name.utf8 {
      var after = [Bool](repeating: false, count: tokens.count + 1)
      for (place, token) in tokens.enumerated() where next[place] {
        switch token {
        case .byte(byte): after[place + 1] = true
        case .byte: break
        case .within: if byte != separator { after[place] = true }
        case .across: after[place] = true
        }
      }
      skipWildcards(tokens, &after)
      next = after
    }
    return next[tokens.count]
  }

  /// A wildcard may stand for nothing.
  private func skipWildcards(_ tokens: [Token], _ next: inout [Bool]) {
    for (place, token) in tokens.enumerated() where next[place] {
      if token == .within || token == .across { next[place + 1] = true }
    }
  }

  private var tokens: [Token] {
    var tokens: [Token] = []
    for byte in description.utf8 {
      guard byte == Self.star else {
        tokens.append(.byte(byte))
        continue
      }
      switch tokens.last {
      case .within?: tokens[tokens.count - 1] = .across
      case .across?: break
      case .byte?, nil: tokens.append(.within)
      }
    }
    return tokens
  }

  /// The part of a URI before `://` (RFC 3986, 3.1), without wildcards; nil if there is none, or nothing after it.
  static func scheme(of text: String) -> Substring.UTF8View? {
    let bytes = text.utf8
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8),
      bytes[colon...].count > 3
    else { return nil }
    let scheme = bytes[..<colon]
    guard let first = scheme.first, first.isLetter, scheme.allSatisfy({ $0.isLetterOrDigit || "+-.".utf8.contains($0) })
    else { return nil }
    return scheme
  }

  private static let star = UInt8(ascii: "*")
}
