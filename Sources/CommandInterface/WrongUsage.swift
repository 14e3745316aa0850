import Core

/// A mistake on a command line, as a sentence.
package struct WrongUsage: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// A word from the user for messages: in quotes, with unprintable characters escaped, and cut off if it is very long.
package func quoted(_ word: String) -> String {
  let shown = word.unicodeScalars.prefix(64).map { $0.escaped(asASCII: false) }.joined()
  return "'\(shown)\(word.unicodeScalars.count > 64 ? "…" : "")'"
}
