/// Words of the commands that messages propose.
package enum ShellWord {
  /// Whether it is one word without quotes.
  package static func isPlain(_ word: String) -> Bool {
    !word.isEmpty && word.utf8.allSatisfy { $0.isLetterOrDigit || "._/-@:+,".utf8.contains($0) }
  }

  /// As a shell takes it for one word.
  package static func quoted(_ word: String) -> String {
    if isPlain(word) { return word }
    // A quote ends the quoted part, stands for itself behind a backslash, and begins the next part.
    let parts = word.split(separator: "'", omittingEmptySubsequences: false)
    return "'\(parts.joined(separator: "'\\''"))'"
  }
}
