/// Collects the few header fields we use, line by line as libcurl hands them over.
struct AnswerHead {
  private(set) var date: String?
  private(set) var retryAfter: String?
  private(set) var standardRetryAfter: String?
  private var hadDate = false
  /// What is kept besides, by the names the request gave.
  private let wanted: [StaticString]
  private(set) var kept: [String?]
  private var seen: [Bool]

  init(wanted: [StaticString] = []) {
    self.wanted = wanted
    kept = Array(repeating: nil, count: wanted.count)
    seen = Array(repeating: false, count: wanted.count)
  }

  /// Takes one line of a head. A status line begins a new head: what an interim answer (1xx) said doesn't count.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    if line.starts(with: "HTTP/".utf8) { self = AnswerHead(wanted: wanted) }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
    let value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...])
    if Self.equals(name, "date") {
      let text = Self.text(value)
      // Two answers to one question are none.
      date = hadDate && date != text ? nil : text
      hadDate = true
    } else if Self.equals(name, "x-acs-retry-after") {
      retryAfter = Self.text(value) ?? ""
    } else if Self.equals(name, "retry-after") {
      standardRetryAfter = Self.text(value)
    } else if let place = wanted.firstIndex(where: { Self.equals(name, $0) }) {
      let text = Self.text(value, limit: 256)
      kept[place] = seen[place] && kept[place] != text ? nil : text
      seen[place] = true
    }
  }

  /// Field names are compared without regard to case (RFC 9110, section 5.1). `lowercase` has letters and `-` only.
  private static func equals(_ name: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
    name.count == lowercase.utf8CodeUnitCount
      && lowercase.withUTF8Buffer {
        $0.elementsEqual(name, by: { $0 == $1 || ($0 == $1 | 0x20 && $1 >= 0x41 && $1 <= 0x5A) })
      }
  }

  /// The value without the blanks and the line's end around it; nil when it is empty, long, or not printable ASCII.
  private static func text(_ value: UnsafeRawBufferPointer, limit: Int = 64) -> String? {
    let isBlank = { (byte: UInt8) in byte <= 0x20 }
    guard let first = value.firstIndex(where: { !isBlank($0) }), let last = value.lastIndex(where: { !isBlank($0) }),
      last - first < limit, value[first...last].allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    return String(decoding: value[first...last], as: UTF8.self)
  }
}
