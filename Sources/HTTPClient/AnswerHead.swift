import Core

/// Collects the few header fields that are used, line by line as libcurl delivers them.
struct AnswerHead {
  /// A field that counts unless it is sent twice with different values.
  private struct Field {
    private(set) var value: String?
    private(set) var isThere = false

    mutating func take(_ text: String?) {
      value = isThere && value != text ? nil : text
      isThere = true
    }
  }

  private var dateField = Field()
  private var retryAfterField = Field()
  private var standardRetryAfterField = Field()
  /// Names of further fields to keep, given by the request.
  private let names: [StaticString]
  private var keptFields: [Field]

  init(names: [StaticString] = []) {
    self.names = names
    keptFields = Array(repeating: Field(), count: names.count)
  }

  // As `HTTPAnswer` has them.
  var date: String? { dateField.value }
  var retryAfter: String? { retryAfterField.isThere ? retryAfterField.value ?? "" : nil }
  var standardRetryAfter: String? { standardRetryAfterField.value }
  var kept: [String?] { keptFields.map(\.value) }

  /// Takes one line of a head. A status line begins a new head, so fields of an interim answer (1xx) don't count.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    if line.starts(with: "HTTP/".utf8) { self = AnswerHead(names: names) }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
    let value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...])
    if Self.equals(name, "date") {
      dateField.take(Self.text(value))
    } else if Self.equals(name, "x-acs-retry-after") {
      retryAfterField.take(Self.text(value))
    } else if Self.equals(name, "retry-after") {
      standardRetryAfterField.take(Self.text(value))
    } else if let place = names.firstIndex(where: { Self.equals(name, $0) }) {
      keptFields[place].take(Self.text(value, limit: 256))
    }
  }

  /// Field names are compared without regard to case (RFC 9110, section 5.1). `lowercase` has letters and `-` only.
  private static func equals(_ name: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
    name.count == lowercase.utf8CodeUnitCount
      && lowercase.withUTF8Buffer {
        $0.elementsEqual(name, by: { $0 == $1 || ($0 == $1 | 0x20 && $1 >= 0x41 && $1 <= 0x5A) })
      }
  }

  /// The value without the line's end, and without blanks and tabs around it (RFC 9110, section 5.5); nil if it is empty, too long,
  /// or not printable ASCII.
  private static func text(_ line: UnsafeRawBufferPointer, limit: Int = 64) -> String? {
    var value = line[...]
    if value.last == UInt8(ascii: "\n") { value = value.dropLast() }
    if value.last == UInt8(ascii: "\r") { value = value.dropLast() }
    while value.first?.isSpaceOrTab == true { value = value.dropFirst() }
    while value.last?.isSpaceOrTab == true { value = value.dropLast() }
    guard (1...limit).contains(value.count), value.allSatisfy(\.isPrintable) else { return nil }
    return String(decoding: value, as: UTF8.self)
  }
}
