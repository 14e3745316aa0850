/// Text from elsewhere, such as a file's name, as a terminal shows it.
package enum VisibleText {
  /// The text with its control characters, and the characters that change direction or line, written as escapes: `\n`, `\u{1B}`.
  ///
  /// A backslash isn't escaped: this is for reading.
  package static func escaped(_ text: String) -> String {
    if text.utf8.allSatisfy(\.isPrintable) { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": escaped += "\\n"
      case "\r": escaped += "\\r"
      case "\t": escaped += "\\t"
      case _ where isDisturbing(scalar):
        escaped += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  private static func isDisturbing(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate: true
    // Among them are the marks that change the direction of what follows (UAX #9). The joiners make up emoji and Persian words.
    case .format: scalar.value != 0x200C && scalar.value != 0x200D
    default: false
    }
  }

  /// How many columns a text without control characters takes: two for the characters of East Asia and emoji.
  package static func width(of text: String) -> Int {
    if text.utf8.allSatisfy(\.isPrintable) { return text.utf8.count }
    return text.reduce(0) { $0 + width(of: $1) }
  }

  private static func width(of character: Character) -> Int {
    var width = 0
    for scalar in character.unicodeScalars {
      // The variation selector that makes the preceding character an emoji.
      if scalar.value == 0xFE0F { return 2 }
      width = max(width, self.width(of: scalar))
    }
    return width
  }

  /// By East_Asian_Width W and F (UAX #11), in whole blocks.
  private static func width(of scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x20..<0x7F: return 1
    case 0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x23E9...0x23EC, 0x2E80...0x303E, 0x3041...0x33FF,
      0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F1E6...0x1F1FF,
      0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F7E0...0x1F7F0, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default:
      switch scalar.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format, .control: return 0
      default: return 1
      }
    }
  }

  /// The longest prefix that takes no more than `width` columns, but at least one character.
  package static func prefix(of text: String, width: Int) -> String {
    var taken = ""
    var columns = 0
    for character in text {
      columns += self.width(of: character)
      if columns > width, !taken.isEmpty { break }
      taken.append(character)
    }
    return taken
  }

  /// The text in no more than `width` columns: a longer one is cut in the middle, so that the beginning and the extension of a name
  /// stay.
  package static func shortened(_ text: String, width: Int) -> String {
    guard self.width(of: text) > width else { return text }
    guard width > 1 else { return width == 1 ? "…" : "" }
    let tailWidth = (width - 1) / 2
    var tail = ""
    var columns = 0
    for character in text.reversed() {
      columns += self.width(of: character)
      if columns > tailWidth { break }
      tail.insert(character, at: tail.startIndex)
    }
    let headWidth = width - 1 - self.width(of: tail)
    let head = prefix(of: text, width: headWidth)
    return (self.width(of: head) <= headWidth ? head : "") + "…" + tail
  }
}
