/// The sections of an ini file, as far as the tools agree that read it.
struct IniFile {
  /// The values of keys by section. Keys are in lower case without `-` and `_`, of which ossutil 2 takes any spelling.
  private(set) var sections: [String: [String: String]] = [:]

  init(_ text: String) {
    var section: String?
    for line in text.split(whereSeparator: \.isNewline) {
      let line = Self.trimmed(line)
      if line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
        section = String(Self.trimmed(line.dropFirst().prefix(upTo: end)))
      } else if let section, let equals = line.firstIndex(of: "=") {
        let key = line[..<equals].lowercased().filter { !"-_ \t".contains($0) }
        sections[section, default: [:]][key] = String(Self.trimmed(line[line.index(after: equals)...]))
      }
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
