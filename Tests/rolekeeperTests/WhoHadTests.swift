import CommandInterface
import Core
import Logs
import TestSupport
import Testing

@testable import rolekeeper

@Suite struct WhoHadTests {
  private func arguments(_ words: String...) throws -> Arguments {
    guard case .command(let arguments) = try Invocation(["who-had"] + words) else { throw NoCommand() }
    return arguments
  }

  private struct NoCommand: Error {}

  private let plain = Terminal(width: nil, wantsColours: false)

  private func entry(_ members: String) -> JournalEntry? {
    JournalEntry(
      Array(#"{"__REALTIME_TIMESTAMP":"1796000000123456",\#(members)}"#.utf8),
      WhoHadCommand.names)
  }

  @Test func `it looks for the daemon's own event and fields`() {
    #expect(WhoHadCommand.messageID == LogEvent.handedOut.rawValue)
    #expect(WhoHadCommand.messageIDOfMore == LogEvent.handedOutToMore.rawValue)
    #expect(WhoHadCommand.messageIDOfFile == LogEvent.fileWritten.rawValue)
    let names = Set(LogField.Name.allCases.map { "ROLEKEEPER_\($0.rawValue.uppercased())" })
    #expect(WhoHadCommand.Field.allCases.allSatisfy { names.contains($0.rawValue) })
  }

  @Test func `journalctl is asked for a session or a unit, since a time`() throws {
    let events = [
      "_SYSTEMD_UNIT=rolekeeper.service",
      "MESSAGE_ID=\(WhoHadCommand.messageID)", "MESSAGE_ID=\(WhoHadCommand.messageIDOfMore)",
      "MESSAGE_ID=\(WhoHadCommand.messageIDOfFile)",
    ]
    #expect(
      try WhoHadCommand(arguments("STS.a1", "--since", "2 days ago"), on: plain).words
        == ["--since=2 days ago"] + events + ["ROLEKEEPER_ACCESS_KEY_ID=STS.a1"])
    #expect(
      try WhoHadCommand(arguments("--unit", "encode@7"), on: plain).words
        == events + [
          "ROLEKEEPER_UNIT=encode@7.service", "+", "_SYSTEMD_UNIT=rolekeeper.service",
          "MESSAGE_ID=\(WhoHadCommand.messageIDOfMore)",
        ])
  }

  @Test(arguments: [
    [], ["STS.a", "STS.b"], ["STS.a", "--unit", "x.service"], ["LTAIx"], ["STS.a b"], ["--unit", "a b"],
    ["--unit", "x.timer"],
    ["STS.a", "--since", ""], ["STS.a", "--since", "2d"], ["STS.a", "--since", "1h30min"], ["STS.a", "--since", "7"],
    ["STS.a", "--socket", "/x"], ["STS.a", "--timeout", "1s"],
  ])
  func `anything else is wrong usage`(words: [String]) {
    #expect(throws: Arguments.Wrong.self) { try Invocation(["who-had"] + words) }
  }

  @Test func `each hand-out is a line, and what isn't known is a hyphen`() throws {
    let read = try #require(
      entry(
        """
        "ROLEKEEPER_ROLE":"uploader","ROLEKEEPER_GENERATION":"7","ROLEKEEPER_ACCESS_KEY_ID":"STS.a","ROLEKEEPER_UID":"1000",\
        "ROLEKEEPER_USER":"anna","ROLEKEEPER_PID":"71","ROLEKEEPER_PROGRAM":"curl","ROLEKEEPER_VIA":"socket",\
        "MESSAGE_ID":"60ebf01b8c2f465fb38c90d16c50ed0e"
        """))
    let loaded = try #require(
      entry(
        """
        "ROLEKEEPER_ROLE":"uploader","ROLEKEEPER_GENERATION":"7","ROLEKEEPER_ACCESS_KEY_ID":"STS.a","ROLEKEEPER_UNIT":"x.service",\
        "ROLEKEEPER_VIA":"LoadCredential"
        """))
    let written = try #require(
      entry(
        """
        "ROLEKEEPER_ROLE":"uploader","ROLEKEEPER_GENERATION":"7","ROLEKEEPER_ACCESS_KEY_ID":"STS.a","ROLEKEEPER_VIA":"file",\
        "ROLEKEEPER_PATH":"/srv/a","ROLEKEEPER_OWNER":"1000","ROLEKEEPER_GROUP":"990","ROLEKEEPER_MODE":"0440",\
        "MESSAGE_ID":"\(WhoHadCommand.messageIDOfFile)"
        """))
    let more = try #require(
      entry(
        """
        "ROLEKEEPER_ROLE":"uploader","ROLEKEEPER_GENERATION":"7","ROLEKEEPER_ACCESS_KEY_ID":"STS.a","ROLEKEEPER_VIA":"socket",\
        "ROLEKEEPER_UID":"1000","MESSAGE_ID":"\(WhoHadCommand.messageIDOfMore)"
        """))
    let host = try #require(
      entry(
        """
        "ROLEKEEPER_ROLE":"uploader","ROLEKEEPER_GENERATION":"7","ROLEKEEPER_ACCESS_KEY_ID":"STS.a","ROLEKEEPER_VIA":"bundle",\
        "ROLEKEEPER_HOST":"web7.example","MESSAGE_ID":"\(WhoHadCommand.messageID)"
        """))
    let text = WhoHadCommand.text(
      [read, loaded, written, more, host], of: "session STS.a", reachingTo: UTCTime("2026-11-01T00:00:00Z"),
      on: plain)
    let rows = text.split(separator: "\n").map { $0.split { $0 == " " }.map(String.init) }
    let session = ["2026-11-30T00:53:20Z", "uploader", "7", "STS.a"]
    #expect(rows[1] == session + ["socket", "-", "anna", "(1000)", "71", "curl"])
    #expect(rows[2] == session + ["LoadCredential", "x.service", "-", "-", "-"])
    #expect(rows[3] == session + ["file", "-", "1000:990", "0440", "-", "/srv/a"])
    #expect(
      rows[4] == session + ["socket", "-", "1000", "-", "more", "programs,", "not", "recorded", "one", "by", "one"])
    #expect(rows[5] == session + ["bundle", "-", "-", "-", "web7.example"])
    #expect(text.hasSuffix("\nthe journal goes back to 2026-11-01T00:00:00Z\n"))
  }

  @Test func `nothing found says so, and how far back the journal goes`() {
    let text = WhoHadCommand.text([], of: "unit x.service", reachingTo: nil, on: plain)
    #expect(
      text == """
        no record of unit x.service in the journal, as far as you may read it
        hand-outs aren't recorded while 'log.level' is "warning" or "error"
        the journal has no entry that you may read; run it with sudo, or as a member of systemd-journal

        """)
  }

  @Test(arguments: ["", "-- No entries --", "{", "[]", #"{"__REALTIME_TIMESTAMP":7}"#, #"{"ROLEKEEPER_UID":"1"}"#])
  func `a line that is no entry isn't taken for one`(line: String) {
    #expect(JournalEntry(Array(line.utf8), []) == nil)
  }

  @Test func `a field that isn't text is passed over`() throws {
    let read = try #require(entry(#""ROLEKEEPER_PROGRAM":[1,2],"ROLEKEEPER_USER":["a","b"],"ROLEKEEPER_UID":null"#))
    #expect(WhoHadCommand.Field.allCases.allSatisfy { read[$0.rawValue] == nil })
  }
}
