/// The assignments in one section of unit files, merged as systemd does (systemd.unit(5), systemd.syntax(7)).
struct UnitText {
  private let section: String
  /// The values of each key in the order of the texts; an empty assignment removes those before it.
  private var assignments: [String: [String]] = [:]

  /// `section` is its name without brackets.
  init(section: String) { self.section = "[\(section)]" }

  /// Adds a unit file or a drop-in; later texts add to lists and override single values.
  mutating func add(_ text: String) {
    var current = ""
    for line in Self.logicalLines(of: text) {
      if line.hasPrefix("[") {
        current = line
      } else if current == section, let equals = line.firstIndex(of: "=") {
        let key = Self.trimmed(line[..<equals])
        let value = Self.trimmed(line[line.index(after: equals)...])
        if value.isEmpty { assignments[key] = [] } else { assignments[key, default: []].append(value) }
      }
    }
  }

  /// The last value of a key that has one value; nil if it isn't written.
  func value(_ key: String) -> String? { assignments[key]?.last }

  /// All words of a key that has a list; quotes around a word are removed.
  func words(_ key: String) -> [String] {
    (assignments[key] ?? []).flatMap { $0.split { $0 == " " || $0 == "\t" } }.map { word in
      word.count > 1 && word.hasPrefix("\"") && word.hasSuffix("\"")
        ? String(word.dropFirst().dropLast()) : String(word)
    }
  }

  /// All assignments of a key whose value isn't a list of words, such as `LoadCredential=`.
  func values(_ key: String) -> [String] { assignments[key] ?? [] }

  /// Whether a list of capabilities has the one with this name; nil if the key isn't written. An empty assignment is a
  /// list without any. A first line that begins with `~` lists those that aren't in it; later ones take some out
  /// (systemd.exec(5), `CapabilityBoundingSet=`).
  func hasCapability(_ name: String, in key: String) -> Bool? {
    assignments[key].map { lines in
      lines.enumerated().reduce(false) { has, line in
        let names = line.element.drop { $0 == "~" }.split(whereSeparator: \.isWhitespace)
        let isNamed = names.contains { $0.uppercased() == name }
        return line.element.hasPrefix("~") ? (has || line.offset == 0) && !isNamed : has || isNamed
      }
    }
  }

  /// Whether RestrictAddressFamilies= lets processes make sockets of the family; a line that begins with `~` takes families out
  /// (systemd.exec(5)).
  func opensAddressFamily(_ name: String) -> Bool {
    guard let lines = assignments["RestrictAddressFamilies"], let first = lines.first else { return true }
    return lines.reduce(first.hasPrefix("~")) { opens, line in
      let isNamed = line.drop { $0 == "~" }.split(whereSeparator: \.isWhitespace).contains { $0 == name }
      return isNamed ? !line.hasPrefix("~") : opens
    }
  }

  /// Lines without comments and surrounding blanks. A line that ends in `\` continues in the next one; comments in
  /// between are skipped.
  private static func logicalLines(of text: String) -> [String] {
    var lines: [String] = []
    var begun: String?
    for line in text.split(whereSeparator: \.isNewline) {
      let line = trimmed(line)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      let whole = begun.map { "\($0) \(line)" } ?? line
      if whole.hasSuffix("\\") {
        begun = String(whole.dropLast())
      } else {
        lines.append(whole)
        begun = nil
      }
    }
    return lines + [begun].compactMap { $0 }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }

  private static func trimmed(_ text: String) -> String { trimmed(text[...]) }
}
