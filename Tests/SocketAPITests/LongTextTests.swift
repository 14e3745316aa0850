import Testing

@testable import HTTPServer
@testable import SocketAPI

@Suite struct LongTextTests {
  private func body(_ response: Response) -> (parts: Int, bytes: [UInt8]) {
    var bytes: [UInt8] = []
    let parts = [response.body].compactMap(\.self) + response.rest
    for part in parts { part.withBytes { $0.withUnsafeBufferPointer { bytes += $0 } } }
    return (parts.count, bytes)
  }

  private func head(_ response: Response) -> String {
    var head = ""
    response.head.withBytes { head = $0.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    return head
  }

  @Test func `a short text is one piece`() {
    var (first, second) = (LongText(), LongText(expecting: 100_000))
    first.append(Array("one ".utf8))
    second.append(Array("two".utf8))
    let response = LongText.response([first, LongText(), second], type: .json)
    #expect(body(response) == (1, Array("one two".utf8)))
    #expect(head(response).contains("Content-Length: 7\r\n"))
    #expect(body(LongText.response([], type: .json)) == (1, []))
  }

  @Test func `a long text keeps every byte in its place`() {
    var (first, second) = (LongText(expecting: 10), LongText(expecting: 1_000_000))
    var expected: [UInt8] = []
    for number in 0..<150_000 { first.append(Array("\(number) ".utf8)) }
    for number in 0..<150_000 { expected += Array("\(number) ".utf8) }
    second.append([UInt8](repeating: 1, count: 600_000))
    second.append([2])
    expected += [UInt8](repeating: 1, count: 600_000) + [2]
    let response = LongText.response([first, second], type: .metrics)
    #expect(first.count + second.count == expected.count)
    #expect(head(response).contains("Content-Length: \(expected.count)\r\n"))
    let found = body(response)
    #expect(found.bytes == expected && found.parts == 6)
  }
}

@Suite struct MetricTextTests {
  /// The text as it was made before, digit for digit the same.
  private func plain(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(rounded)) : String(rounded)
  }

  private func figure(_ value: Double) -> String {
    var bytes: [UInt8] = []
    bytes.append(figure: value)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    arguments: [
      (0.0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (0.5, "0.5"), (-0.25, "-0.25"), (1.05, "1.05"),
      (3599.999, "3599.999"), (3599.9996, "3600"), (100, "100"),
      (1_767_225_600, "1767225600"), (999_999_999_999, "999999999999"), (1_000_000_000_000, "1000000000000"),
      (1_000_000_000_000.5, "1000000000000.5"), (1e15, "1000000000000000.0"), (.infinity, "inf"),
    ] as [(Double, String)])
  func `a figure is a whole number or precise to thousandths`(_ value: Double, _ text: String) {
    #expect(figure(value) == text)
    #expect(plain(value) == text)
  }

  /// The rate of a host among 100,000 was 0.001.
  @Test(
    arguments: [
      (0.001, "0.001"), (0.0009, "0.0009"), (-0.0004, "-0.0004"), (0.012345, "0.0123"), (0.09999, "0.1"),
      (1e-7, "0.0000001"),
    ] as [(Double, String)])
  func `a small figure has three digits that count`(_ value: Double, _ text: String) {
    #expect(figure(value) == text)
  }

  @Test func `every figure is written as Swift writes it`() {
    var number: UInt64 = 1
    for _ in 0..<20_000 {
      number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = Double(number >> 20) / Double(1 + number % 100_000_000) * (number % 7 == 0 ? -1 : 1)
      if abs(value) >= 0.1 { #expect(figure(value) == plain(value)) }
    }
  }

  @Test func `labels from outside are escaped`() {
    #expect(MetricText.escaped("a\"b\\c\nd") == #"a\"b\\c\nd"#)
    var metric = MetricText("m", "gauge", "What.")
    metric.add(1)
    metric.add(labels: #"a="b""#, 2)
    metric.add(role: "r", labels: #",c="d""#, 3)
    metric.add(role: "r", orNone: nil)
    var text = ""
    LongText.response([metric.text], type: .metrics).body?.withBytes {
      text = $0.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
    #expect(
      text == "# HELP m What.\n# TYPE m gauge\nm 1\nm{a=\"b\"} 2\nm{role=\"r\",c=\"d\"} 3\n")
  }
}
