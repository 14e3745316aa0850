import Core

/// One settings file, read and parsed.
struct SettingsFile {
  /// A file of roles.d with 10,000 roles has about 3 MB.
  static let maxBytes = 8 << 20

  let path: String
  let nodes: [TOMLNode]
  let endsInLineFeed: Bool

  /// Nil if the file can't be read or isn't TOML, which is then reported.
  init?(_ path: String, context: LoadContext) {
    self.path = path
    let bytes: [UInt8]
    do throws(HostError) {
      let (status, content) = try context.host.read(path, limit: Self.maxBytes)
      context.trust.check(file: path, status)
      context.trust.check(above: path)
      context.files.files.append(SettingsContent.File(path: path, bytes: content))
      bytes = ByteOrderMark.removed(from: content)
    } catch {
      let remedy =
        switch error {
        case .missing: "write the settings there, or name another file"
        case .denied: SafeFix.reach(path, on: context.host)
        case .notAFile, .tooLarge: "put the settings there as a file of at most \(Self.maxBytes >> 20) MiB"
        case .passing, .other: "check that file and its disk"
        }
      context.findings.unreadable(Place(file: path), "the settings can't be read: \(error)", remedy, error)
      return nil
    }
    endsInLineFeed = bytes.last == UInt8(ascii: "\n")
    guard !ByteOrderMark.isUTF16(bytes.span) else {
      context.findings.error(Place(file: path), "this is UTF-16", "save it as UTF-8, which is what TOML is")
      return nil
    }
    do throws(TOMLError) {
      guard case .table(let nodes) = try TOMLNode.parse(bytes).value else { return nil }
      self.nodes = nodes
    } catch {
      context.findings.error(
        Place(file: path, line: error.line), "this is not TOML: \(Self.plain(error.message))",
        Self.remedy(for: Self.line(error.line, of: bytes), error.message))
      return nil
    }
  }

  /// The parser's message in the style of other findings.
  private static func plain(_ message: String) -> String {
    (message.first.map { $0.lowercased() } ?? "") + message.dropFirst()
  }

  /// What to write instead of a line the parser stopped at. Most often quotes are missing, as in `mode = 0440`.
  ///
  /// A value is repeated only after a key of the settings: roles.d may contain a file with other content, such as an
  /// AccessKey.
  private static func remedy(for line: String, _ message: String) -> String {
    if message.contains("redefine") {
      return ["existing table", "existing inline table"].contains { message.contains($0) }
        ? "put the keys of both into one table, or rename one: a table stands only once"
        : "keep one of the two, or rename one: a key stands only once"
    }
    if isUnclosed(line) {
      return "close the quote: a string ends in the line it begins in, with the quote it begins with"
    }
    let parts = line.prefix { $0 != "#" }.split(separator: "=", maxSplits: 1).map(trimmed)
    // toml++'s message for a number that exceeds all of its types.
    if parts.count == 2,
      message.contains("not representable") || message.contains("could not be interpreted as a value"),
      let remedy = numberRemedy(parts[0], isNegative: parts[1].hasPrefix("-"))
    {
      return remedy
    }
    if parts.count == 2, !parts[1].isEmpty, let remedy = valueRemedy(parts[0], parts[1]) { return remedy }
    return "correct the line: KEY = VALUE, or [TABLE]; strings, durations and modes stand in double quotes"
  }

  /// The key with that name that has no table as its value, in whichever table: those that share a name have values of one form.
  private static func key(_ name: String) -> (any SettingKey)? {
    Schema.tables.lazy.compactMap { table in table.keys.first { $0.name == name && !($0 is TableKey) } }.first
  }

  /// The remedy for a value without the form that its key has; nil if that can't be guessed.
  private static func valueRemedy(_ name: String, _ value: String) -> String? {
    guard let key = Self.key(name) else { return nil }
    switch key {
    case let key as FlagKey:
      if ["true", "yes", "on"].contains(value.lowercased()) { return key.remedy("true") }
      return ["false", "no", "off"].contains(value.lowercased()) ? key.remedy("false") : key.remedy()
    case is IntegerKey, is NumberKey: return key.remedy()
    default:
      guard value.allSatisfy({ $0.isLetter || $0.isNumber || "./-_:{}@".contains($0) }) else { return nil }
      return "write \(name) = " + (key is TextsKey || key is PrincipalsKey ? "[\"\(value)\"]" : "\"\(value)\"")
    }
  }

  /// The remedy for a number that exceeds all types; nil if the key doesn't take a number.
  private static func numberRemedy(_ name: String, isNegative: Bool) -> String? {
    switch Self.key(name) {
    case let key as IntegerKey: key.remedy("\(isNegative ? key.allowed.lowerBound : key.allowed.upperBound)")
    case let key as NumberKey: key.remedy((isNegative ? key.allowed.lowerBound : key.allowed.upperBound).plain)
    case let key as DurationKey:
      key.remedy("\"\((isNegative ? key.allowed.lowerBound : key.allowed.upperBound).text)\"")
    default: nil
    }
  }

  /// Whether a string begins in this line and doesn't end in it. Multi-line strings (three quotes) don't occur in
  /// settings.
  private static func isUnclosed(_ line: String) -> Bool {
    var open: Character?
    var isEscaped = false
    for character in line {
      if isEscaped {
        isEscaped = false
      } else if open == nil, character == "#" {
        return false
      } else if open == nil, character == "\"" || character == "'" {
        open = character
      } else if open == "\"", character == "\\" {
        isEscaped = true
      } else if character == open {
        open = nil
      }
    }
    return open != nil
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return String(text)
  }

  private static func line(_ number: Int, of bytes: [UInt8]) -> String {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: max(1, number), omittingEmptySubsequences: false)
    guard lines.indices.contains(number - 1) else { return "" }
    return String(decoding: lines[number - 1], as: UTF8.self)
  }
}
