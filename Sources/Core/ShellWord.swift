/// Shell quoting for the commands that messages suggest.
package enum ShellWord {
  /// Whether a shell reads it as one word without quotes.
  package static func isPlain(_ word: String) -> Bool {
    !word.isEmpty && word.utf8.allSatisfy { $0.isLetterOrDigit || "._/-@:+,".utf8.contains($0) }
  }

  /// The word, quoted where a shell wouldn't otherwise read it as one word.
  package static func quoted(_ word: String) -> String {
    if isPlain(word) { return word }
    // Each quote ends the quoted part, is written with a backslash, and is followed by the next quoted part.
    let parts = word.split(separator: "'", omittingEmptySubsequences: false)
    return "'\(parts.joined(separator: "'\\''"))'"
  }
}
