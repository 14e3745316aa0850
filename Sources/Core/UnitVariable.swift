/// An environment variable in a unit file (systemd.exec(5), "Environment").
package enum UnitVariable {
  /// The line that sets it; `value` has no control characters.
  package static func line(_ name: String, _ value: String) -> String {
    // Blanks need quotes around them, and `%` begins a specifier.
    var escaped = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\", "\"": escaped += "\\\(scalar)"
      case "%": escaped += "%%"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    let assignment = "\(name)=\(escaped)"
    return "Environment=" + (ShellWord.isPlain(value) ? assignment : "\"\(assignment)\"")
  }

  /// The value that `Environment=` lines give to a variable; the last one counts. Nil if it is unset or empty, or has a specifier
  /// other than `%%` and `%t` (the runtime directory), or an escape such as `\t`.
  package static func value(_ name: String, in lines: [String]) -> String? {
    let assignment = lines.flatMap(words).last { $0.hasPrefix("\(name)=") }
    if assignment?.unicodeScalars.contains(unreadable) == true { return nil }
    guard let value = assignment?.dropFirst(name.utf8.count + 1), !value.isEmpty else { return nil }
    return expanded(value)
  }

  /// The value with `%%` and `%t` replaced; nil if it has another specifier.
  private static func expanded(_ value: Substring) -> String? {
    var text = ""
    var rest = value
    while let percent = rest.firstIndex(of: "%") {
      text += rest[..<percent]
      rest = rest[percent...].dropFirst()
      switch rest.popFirst() {
      case "%": text += "%"
      case "t": text += "/run"
      default: return nil
      }
    }
    return text + rest
  }

  /// Stands for an escape that isn't supported. No line of a unit contains it: systemd accepts no NUL.
  private static let unreadable: Unicode.Scalar = "\0"

  /// Splits a line at unquoted blanks, and removes quotes and backslashes.
  private static func words(_ line: String) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in line {
      if isEscaped {
        let isPlain = character == "\\" || character == "\"" || character == "'" || character == " "
        word = (word ?? "") + (isPlain ? String(character) : String(unreadable))
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == quote {
        quote = nil
      } else if quote == nil, character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if quote == nil, character == " " || character == "\t" {
        if let whole = word { words.append(whole) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    return words + [word].compactMap { $0 }
  }
}
