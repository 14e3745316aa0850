import Core
import Testing

@Suite struct ByteCountParsingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let bytes: Int64?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Case(text: "0B", bytes: 0), Case(text: "512B", bytes: 512), Case(text: "100kB", bytes: 100_000),
    Case(text: "100KB", bytes: 100_000), Case(text: "10MB", bytes: 10_000_000), Case(text: "2GB", bytes: 2_000_000_000),
    Case(text: "1TB", bytes: 1_000_000_000_000), Case(text: "100KiB", bytes: 102_400),
    Case(text: "16MiB", bytes: 16_777_216), Case(text: "5GiB", bytes: 5_368_709_120),
    Case(text: "1TiB", bytes: 1_099_511_627_776),
    // Without a unit, in bits, or not a whole number.
    Case(text: "16", bytes: nil), Case(text: "16M", bytes: nil), Case(text: "16Mb", bytes: nil),
    Case(text: "16mb", bytes: nil), Case(text: "1.5GB", bytes: nil), Case(text: "-1B", bytes: nil),
    Case(text: "16 MiB", bytes: nil), Case(text: "", bytes: nil), Case(text: "B", bytes: nil),
    Case(text: "10MB/s", bytes: nil), Case(text: "٣B", bytes: nil),
    // Too large for Int64.
    Case(text: "99999999TiB", bytes: nil), Case(text: "99999999999999999999B", bytes: nil),
  ])
  func `a size is a whole number and a unit`(_ row: Case) {
    #expect(ByteCount.parse(row.text) == row.bytes)
  }

  @Test func `a rate is a size per second`() {
    #expect(ByteCount.parseRate("10MB/s") == 10_000_000)
    #expect(ByteCount.parseRate("512KiB/s") == 524_288)
    for text in ["10MB", "10/s", "10MB/min", "/s", "10MBps"] { #expect(ByteCount.parseRate(text) == nil, "\(text)") }
  }
}
