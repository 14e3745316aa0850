import Core
import Testing

@Suite struct HTTPDateTests {
  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
    ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
    ("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05Z"),
    ("Thu, 29 Feb 2024 23:59:59 GMT", "2024-02-29T23:59:59Z"),
  ])
  func `the current form is read and written`(_ text: String, _ expect: String) {
    #expect(UTCTime(httpDate: text)?.description == expect)
    #expect(UTCTime(expect)?.httpDate == text)
  }

  @Test func `days of 400 years are written so that they are read again`() {
    for day in stride(from: Int64(0), to: 146_097, by: 61) {
      let time = UTCTime(seconds: day * 86_400 + day % 86_400)
      #expect(UTCTime(httpDate: time.httpDate) == time)
    }
  }

  @Test(arguments: [
    "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000", "sun, 06 nov 1994 08:49:37 gmt",
    "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:-9:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
    "Sun, 06 Nov １994 08:49:3 GMT",
  ])
  func `every other form is refused`(_ text: String) {
    #expect(UTCTime(httpDate: text) == nil)
  }
}
