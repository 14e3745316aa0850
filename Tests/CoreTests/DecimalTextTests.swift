import Core
import Testing

@Suite struct DecimalTextTests {
  @Test(
    arguments: [
      (0, "0"), (2, "2"), (0.1 + 0.2, "0.3"), (1.2345, "1.23"), (0.37, "0.37"), (0.05, "0.05"), (0.0125, "0.013"),
      (0.00042, "0.00042"), (0.0009, "0.0009"), (0.000_001_234, "0.0000012"), (0.999, "1"), (0.0999, "0.1"),
      (-0.25, "-0.25"),
      (-0.0, "0"), (12345.678, "12345.68"), (1e-300, "0"),
    ] as [(Double, String)])
  func `a number has hundredths, and two digits that count however small it is`(_ number: Double, _ text: String) {
    #expect(number.decimalText(places: 2, atLeast: 2) == text)
  }
}
