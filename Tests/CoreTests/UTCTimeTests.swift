import Core
import Testing

@Suite struct UTCTimeTests {
  struct Case: Sendable {
    let text: String
    let seconds: Int64
  }

  @Test(arguments: [
    Case(text: "1970-01-01T00:00:00Z", seconds: 0),
    Case(text: "2000-02-29T23:59:59Z", seconds: 951_868_799),
    Case(text: "2026-01-02T03:04:05Z", seconds: 1_767_323_045),
    Case(text: "9999-12-31T23:59:59Z", seconds: 253_402_300_799),
  ])
  func `a time is parsed from and printed in the exact form`(_ row: Case) {
    #expect(UTCTime(row.text)?.seconds == row.seconds)
    #expect(UTCTime(seconds: row.seconds).description == row.text)
    let basic = row.text.replacing("-", with: "").replacing(":", with: "")
    #expect(UTCTime(seconds: row.seconds).basicText == basic)
  }

  @Test func `years that aren't parsed are printed all the same`() {
    #expect(UTCTime(seconds: -62_135_596_800).description == "0001-01-01T00:00:00Z")
    #expect(UTCTime(seconds: -1).description == "1969-12-31T23:59:59Z")
    #expect(UTCTime(seconds: 253_402_300_800).description == "10000-01-01T00:00:00Z")
  }

  /// A file's owner could set its modification time so that logging it ended the daemon.
  @Test func `the first and the last second that there is can be printed`() {
    #expect(UTCTime(seconds: .max).description == "292277026596-12-04T15:30:07Z")
    #expect(UTCTime(seconds: .min).description == "-292277022657-01-27T08:29:52Z")
    #expect(UTCTime(seconds: .min + 900).description == "-292277022657-01-27T08:44:52Z")
  }

  @Test(arguments: [
    "", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05+00:00",
    "2026-01-02t03:04:05z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-32T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z", "１026-01-02T03:04:05Z",
  ])
  func `any other form is refused`(_ text: String) {
    #expect(UTCTime(text) == nil)
  }
}
