import Core
import Testing

@Suite struct DurationTextTests {
  @Test(arguments: [("90s", 90), ("20min", 1200), ("1h", 3600), ("1h30min", 5400), ("1h30min5s", 5405), ("0s", 0)])
  func `a duration is parsed with its units`(_ text: String, _ seconds: Int64) {
    #expect(Duration(text: text) == .seconds(seconds))
  }

  @Test(arguments: [
    "", "60", "h", "1 h", "1.5h", "-1h", "1m", "1H", "30min1h", "1h1h", "1h30", "9999999999s", "999999h", "١h",
  ])
  func `anything else is refused`(_ text: String) { #expect(Duration(text: text) == nil) }

  @Test(arguments: [(5405, "1h30min5s"), (90, "1min30s"), (3600, "1h"), (0, "0s")])
  func `a duration is written as it is parsed`(_ seconds: Int64, _ text: String) {
    #expect(Duration.seconds(seconds).text == text)
  }
}
