import Glibc

/// Ends the run when `holds` is false, so that libFuzzer saves the input; `sentence` says what is broken.
package func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
  if !holds { fail(sentence()) }
}

/// Whether a text may go into a log as it is.
package func isPlain(_ text: String, most: Int) -> Bool {
  text.utf8.count <= most && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
}

private func fail(_ sentence: String) -> Never {
  let text = Array("broken: \(sentence)\n".utf8)
  // If nothing can be written to standard error, there is still the saved input.
  _ = write(STDERR_FILENO, text, text.count)
  abort()
}
