/// Collects the few header fields that are used, line by line as libcurl delivers them.
struct AnswerHead {
  private(set) var date: String?
  private(set) var retryAfter: String?
  private(set) var standardRetryAfter: String?
  private var hadDate = false
  /// Names of further fields to keep, given by the request.
  private let names: [StaticString]
  private(set) var kept: [String?]
  private var seen: [Bool]

  init(names: [StaticString] = []) {
    self.names = names
    kept = Array(repeating: nil, count: names.count)
    seen = Array(repeating: false, count: names.count)
  }

  /// Takes one line of a head. A status line begins a new head, so fields of an interim answer (1xx) don't count.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    if line.starts(with: "HTTP/".utf8) { self = AnswerHead(names: names) }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
    let value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...])
    if Self.equals(name, "date") {
      let text = Self.text(value)
      // Two different dates count as none.
      date = hadDate && date != text ? nil : text
      hadDate = true
    } else if Self.equals(name, "x-acs-retry-after") {
      retryAfter = Self.text(value) ?? ""
    } else if Self.equals(name, "retry-after") {
      standardRetryAfter = Self.text(value)
    } else if let place = names.firstIndex(where: { Self.equals(name, $0) }) {
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

  /// The value without surrounding blanks and the line's end; nil if it is empty, too long, or not printable ASCII.
  private static func text(_ value: UnsafeRawBufferPointer, limit: Int = 64) -> String? {
    let isBlank = { (byte: UInt8) in byte <= 0x20 }
    guard let first = value.firstIndex(where: { !isBlank($0) }), let last = value.lastIndex(where: { !isBlank($0) }),
      last - first < limit, value[first...last].allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    return String(decoding: value[first...last], as: UTF8.self)
  }
}
