import CommandInterface
import Testing

@testable import vod_upload

@Suite struct ConsoleTests {
  /// A path's escapes went to the terminal as they were.
  @Test func `what would disturb a terminal is escaped on stderr`() {
    let lines = Console.lines("journal 'no/\u{1B}[31mx\r\t': no such directory\nlook there")
    #expect(
      String(decoding: lines, as: UTF8.self)
        == "vod-upload: journal 'no/\\u{1B}[31mx\\r\\t': no such directory\nvod-upload: look there\n")
  }
}
