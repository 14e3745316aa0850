import Testing

@testable import Logs

/// The names of fields, by which readers of the journal find lines.
@Suite struct LogFieldTests {
  /// By journal_field_valid() of systemd 252: A–Z, 0–9 and `_`, at most 64 bytes, and a letter first.
  @Test(arguments: LogField.Name.allCases) func `the journal accepts the name of a field`(_ name: LogField.Name) {
    let field = name.inJournal
    #expect(field.wholeMatch(of: /ROLEKEEPER_[A-Z0-9_]+/) != nil && field.utf8.count <= 64, "\(field)")
  }

  @Test func `no two fields have the same name in the journal`() {
    #expect(Set(LogField.Name.allCases.map(\.inJournal)).count == LogField.Name.allCases.count)
  }
}
