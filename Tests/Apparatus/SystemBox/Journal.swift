import TestSupport

/// The journal of the box, from a moment on.
package struct Journal {
  let box: Box
  /// The service that is meant where none is named.
  package static let unit = "rolekeeper.service"

  /// As journalctl's --since= takes it.
  package let beginning: String

  /// The journal from now on. A cursor wouldn't do: journalctl finds nothing behind one that its own filter leaves out.
  package static func fromNow(in box: Box) throws -> Journal {
    Journal(box: box, beginning: try box.ask("date +@%s.%6N"))
  }

  /// What the service logged, and what systemd logged about it, a message a line.
  package func text() throws -> String { try read("--output=cat --unit=\(Self.unit)") }

  /// Every field of every entry, of all units, as JSON.
  package func everything() throws -> String { try read("--output=json --all") }

  package func read(_ options: String) throws -> String {
    try box.ask("journalctl --quiet --no-pager --since=\(beginning) \(options)")
  }

  /// Follows a unit's journal until a line holds `text`, at most 30 s, and returns that line.
  @discardableResult
  package func wait(for text: String, from unit: String = Journal.unit) throws -> String {
    // grep leaves with the first match; journalctl would only notice at the next line.
    try box.ask(
      """
      exec 3< <(exec journalctl --quiet --follow --lines=all --since=\(beginning) --output=cat --unit=\(unit))
      trap "kill $!" EXIT
      timeout 30 grep --max-count=1 --fixed-strings '\(text)' <&3
      """)
  }
}
