import Testing

@testable import Logs

/// The table of events, as whoever reads the journal or writes alerts relies on it.
@Suite struct LogEventTests {
  @Test func `each event has a phrase of its own`() {
    let events = Dictionary(grouping: LogEvent.allCases, by: \.phrase)
    #expect(events.filter { $0.value.count > 1 }.isEmpty)
  }

  /// That no two are the same, the compiler sees to.
  @Test func `an id is what the journal takes for one`() {
    for event in LogEvent.allCases {
      #expect(event.id.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(event)")
    }
  }

  @Test func `a phrase begins in lower case, but for a name, and is no sentence`() {
    let names = ["AccessKey", "AssumeRole", "CA", "STS"]
    for event in LogEvent.allCases {
      let word = String(event.phrase.prefix { $0 != " " })
      #expect(names.contains(word) || word == word.lowercased(), "\(event)")
      #expect(!event.phrase.hasSuffix(".") && !event.phrase.contains("\n"), "\(event)")
    }
  }
}
