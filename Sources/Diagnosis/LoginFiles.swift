import Core

/// Assignments of variables in the files that a login reads. It reads lines as they are: what a script makes of them isn't known.
package struct LoginFiles {
  /// Reads a text file; nil if there is none, or it may not be read.
  package typealias Read = (_ path: String) -> String?

  package private(set) var values: [String: String] = [:]
  /// As in `/home/app/.profile line 3`.
  package private(set) var places: [String: String] = [:]

  /// `names` are the variables to look for.
  package init(home: String, names: Set<String>, read: Read) {
    let own = [
      ".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".pam_environment",
    ]
    for path in ["/etc/environment", "/etc/profile"] + own.map({ "\(home)/\($0)" }) {
      guard let text = read(path) else { continue }
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        guard let (name, value) = Self.assignment(line), names.contains(name) else { continue }
        values[name] = value
        places[name] = "\(path) line \(index + 1)"
      }
    }
  }

  /// `NAME=VALUE`, perhaps after `export`; the value without quotes.
  static func assignment(_ line: Substring) -> (name: String, value: String)? {
    var text = line.drop { $0 == " " || $0 == "\t" }
    for word in ["export ", "declare -x ", "typeset -x "] where text.hasPrefix(word) {
      text = text.dropFirst(word.count).drop { $0 == " " }
    }
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let name = text[..<equals]
    guard !name.isEmpty, name.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }) else { return nil }
    let value = String(text[text.index(after: equals)...].filter { $0 != "\"" && $0 != "'" })
    return (String(name), value)
  }
}
