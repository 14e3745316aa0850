import Glibc

/// Ends the run when `holds` is false, so that libFuzzer saves the input; `sentence` says what is broken.
package func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
  if !holds { fail(sentence()) }
}

private func fail(_ sentence: String) -> Never {
  let text = Array("broken: \(sentence)\n".utf8)
  // Should standard error take nothing, the saved input still tells.
  _ = write(STDERR_FILENO, text, text.count)
  abort()
}
