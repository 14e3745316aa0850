import Testing

@testable import Logs

/// The table of events, which readers of the journal and alerts rely on.
@Suite struct LogEventTests {
  @Test func `each event has a unique phrase`() {
    let events = Dictionary(grouping: LogEvent.allCases, by: \.phrase)
    #expect(events.filter { $0.value.count > 1 }.isEmpty)
  }

  /// The compiler ensures that no two are the same.
  @Test func `an id has the journal's form`() {
    for event in LogEvent.allCases {
      #expect(event.id.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(event)")
    }
  }

  @Test func `a phrase begins in lower case, except for a name, and is no sentence`() {
    let names = ["AccessKey", "AssumeRole", "CA", "STS"]
    for event in LogEvent.allCases {
      let word = String(event.phrase.prefix { $0 != " " })
      #expect(names.contains(word) || word == word.lowercased(), "\(event)")
      #expect(!event.phrase.hasSuffix(".") && !event.phrase.contains("\n"), "\(event)")
    }
  }
}
