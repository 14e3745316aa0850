/// The single pass over the text that checks it and notes the position of each value.
struct JSONParser: ~Escapable {
  private let text: Span<UInt8>
  private var at = 0
  private(set) var nodes: [JSONNode] = []

  @_lifetime(copy text)
  init(_ text: Span<UInt8>) {
    self.text = text
  }

  mutating func parseDocument() throws(JSONError) {
    guard text.count <= JSONDocument.maxLength else { throw JSONError(problem: .tooLong, offset: 0) }
    nodes.reserveCapacity(min(text.count / 8, 64) + 1)
    skipBlanks()
    try parseValue(depth: 0)
    skipBlanks()
    guard at == text.count else { throw failure(.trailingBytes) }
  }

  private mutating func parseValue(depth: Int) throws(JSONError) {
    switch try byte() {
    case UInt8(ascii: "{"): try parseObject(depth: depth + 1)
    case UInt8(ascii: "["): try parseArray(depth: depth + 1)
    case UInt8(ascii: "\""): try parseString()
    case UInt8(ascii: "t"): try parseLiteral("true", .true)
    case UInt8(ascii: "f"): try parseLiteral("false", .false)
    case UInt8(ascii: "n"): try parseLiteral("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try parseNumber()
    default: throw failure(.unexpectedByte)
    }
  }

  private mutating func parseObject(depth: Int) throws(JSONError) {
    let own = try open(.object, depth: depth)
    var members = 0
    if try byte() != UInt8(ascii: "}") {
      while true {
        guard try byte() == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
        try parseString()
        members += 1
        skipBlanks()
        try take(UInt8(ascii: ":"))
        skipBlanks()
        try parseValue(depth: depth)
        guard try takesComma(before: UInt8(ascii: "}")) else { break }
      }
    }
    close(own)
    if members > 1 { try refuseDuplicateKeys(of: own, members: members) }
  }

  private mutating func parseArray(depth: Int) throws(JSONError) {
    let own = try open(.array, depth: depth)
    if try byte() != UInt8(ascii: "]") {
      repeat { try parseValue(depth: depth) } while try takesComma(before: UInt8(ascii: "]"))
    }
    close(own)
  }

  private mutating func open(_ kind: JSONNode.Kind, depth: Int) throws(JSONError) -> Int {
    guard depth <= JSONDocument.maxDepth else { throw failure(.tooDeep) }
    append(kind, from: at, to: at)
    at += 1
    skipBlanks()
    return nodes.count - 1
  }

  private mutating func close(_ container: Int) {
    at += 1
    nodes[container].end = Int32(at)
    nodes[container].next = Int32(nodes.count)
  }

  /// After a value: true after a comma, false before the closing byte.
  private mutating func takesComma(before closing: UInt8) throws(JSONError) -> Bool {
    skipBlanks()
    if try byte() == closing { return false }
    try take(UInt8(ascii: ","))
    skipBlanks()
    return true
  }

  /// Compares keys after unescaping. A set keeps this linear for an object of any size; a few keys are compared pairwise, which
  /// takes no memory.
  private func refuseDuplicateKeys(of object: Int, members: Int) throws(JSONError) {
    var seen: Set<[UInt8]> = []
    var isSmall = members <= 16
    var key = object + 1
    while key < nodes[object].next {
      isSmall = isSmall && nodes[key].kind == .plainString
      key = Int(nodes[key + 1].next)
    }
    key = object + 1
    while key < nodes[object].next {
      let isNew: Bool
      if isSmall {
        isNew = isPlainKeyNew(key, in: object)
      } else {
        var name: [UInt8] = []
        JSONValue(text: text, nodes: nodes, index: key).copyString(into: &name)
        isNew = seen.insert(name).inserted
      }
      guard isNew else { throw JSONError(problem: .duplicateKey, offset: Int(nodes[key].start) - 1) }
      key = Int(nodes[key + 1].next)
    }
  }

  /// Whether no earlier key of the object is the same; for keys without escapes.
  private func isPlainKeyNew(_ key: Int, in object: Int) -> Bool {
    let range = nodes[key].range
    var other = object + 1
    while other < key {
      let start = Int(nodes[other].start)
      if nodes[other].range.count == range.count,
        range.indices.allSatisfy({ text[$0] == text[start + $0 - range.lowerBound] })
      {
        return false
      }
      other = Int(nodes[other + 1].next)
    }
    return true
  }

  private mutating func parseLiteral(_ word: StaticString, _ kind: JSONNode.Kind) throws(JSONError) {
    let start = at
    for index in 0..<word.utf8CodeUnitCount {
      guard at < text.count else { throw failure(.endsEarly) }
      guard text[at] == word.utf8Start[index] else { throw failure(.unexpectedByte) }
      at += 1
    }
    append(kind, from: start, to: at)
  }

  private mutating func parseNumber() throws(JSONError) {
    let start = at
    if text[at] == UInt8(ascii: "-") { at += 1 }
    if at < text.count, text[at] == UInt8(ascii: "0") {
      at += 1
      guard !isDigit(at) else { throw failure(.badNumber) }
    } else {
      try parseDigits()
    }
    if at < text.count, text[at] == UInt8(ascii: ".") {
      at += 1
      try parseDigits()
    }
    if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
      try parseDigits()
    }
    append(.number, from: start, to: at)
  }

  private mutating func parseDigits() throws(JSONError) {
    guard at < text.count else { throw failure(.endsEarly) }
    guard isDigit(at) else { throw failure(.badNumber) }
    while isDigit(at) { at += 1 }
  }

  private func isDigit(_ index: Int) -> Bool {
    index < text.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index])
  }

  private mutating func parseString() throws(JSONError) {
    let start = at + 1
    var kind = JSONNode.Kind.plainString
    at = start
    while true {
      switch try byte() {
      case UInt8(ascii: "\""):
        append(kind, from: start, to: at)
        at += 1
        return
      case UInt8(ascii: "\\"):
        kind = .escapedString
        try parseEscape()
      case 0..<0x20: throw failure(.controlCharacter)
      case 0x20..<0x80: skipPlainBytes()
      default: try parseMultiByteCharacter()
      }
    }
  }

  private mutating func skipPlainBytes() {
    at += text.extracting(at...).withUnsafeBufferPointer { bytes in
      var end = 0
      // Most of an answer is one long token. A sum over the bytes handles many at a time, an early exit from the loop doesn't.
      while end + 16 <= bytes.count {
        var odd: UInt8 = 0
        for place in end..<end + 16 { odd |= bytes[place].oddity }
        if odd != 0 { break }
        end += 16
      }
      while end < bytes.count, bytes[end].oddity == 0 { end += 1 }
      return end
    }
  }

  private mutating func parseEscape() throws(JSONError) {
    guard at + 1 < text.count else { throw JSONError(problem: .endsEarly, offset: text.count) }
    switch text[at + 1] {
    case UInt8(ascii: "u"): try parseUnicodeEscape()
    case let letter where JSONEscape.byte(named: letter) != nil: at += 2
    default: throw failure(.badEscape)
    }
  }

  private mutating func parseUnicodeEscape() throws(JSONError) {
    let first = try codeUnit(at: at)
    if (0xDC00..<0xE000).contains(first) { throw failure(.loneSurrogate) }
    if (0xD800..<0xDC00).contains(first) {
      guard at + 7 < text.count, text[at + 6] == UInt8(ascii: "\\"), text[at + 7] == UInt8(ascii: "u"),
        (0xDC00..<0xE000).contains(try codeUnit(at: at + 6))
      else { throw failure(.loneSurrogate) }
      at += 6
    }
    at += 6
  }

  private func codeUnit(at escape: Int) throws(JSONError) -> UInt32 {
    guard escape + 6 <= text.count else { throw JSONError(problem: .endsEarly, offset: text.count) }
    guard let unit = JSONEscape.codeUnit(at: escape, in: text) else {
      throw JSONError(problem: .badEscape, offset: escape)
    }
    return unit
  }

  /// Skips one character of two to four bytes by the table of well-formed sequences (Unicode Standard, table 3-7).
  private mutating func parseMultiByteCharacter() throws(JSONError) {
    let (length, second): (Int, ClosedRange<UInt8>) =
      switch text[at] {
      case 0xC2...0xDF: (2, 0x80...0xBF)
      case 0xE0: (3, 0xA0...0xBF)
      case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
      case 0xED: (3, 0x80...0x9F)
      case 0xF0: (4, 0x90...0xBF)
      case 0xF1...0xF3: (4, 0x80...0xBF)
      case 0xF4: (4, 0x80...0x8F)
      default: throw failure(.badUTF8)
      }
    guard at + length <= text.count, second.contains(text[at + 1]),
      (at + 2..<at + length).allSatisfy({ text[$0] & 0xC0 == 0x80 })
    else { throw failure(.badUTF8) }
    at += length
  }

  private mutating func append(_ kind: JSONNode.Kind, from start: Int, to end: Int) {
    nodes.append(JSONNode(kind: kind, start: Int32(start), end: Int32(end), next: Int32(nodes.count + 1)))
  }

  private mutating func skipBlanks() {
    while at < text.count, JSONEscape.isBlank(text[at]) { at += 1 }
  }

  private func byte() throws(JSONError) -> UInt8 {
    guard at < text.count else { throw failure(.endsEarly) }
    return text[at]
  }

  private mutating func take(_ expected: UInt8) throws(JSONError) {
    guard try byte() == expected else { throw failure(.unexpectedByte) }
    at += 1
  }

  private func failure(_ problem: JSONError.Problem) -> JSONError { JSONError(problem: problem, offset: at) }
}

extension UInt8 {
  /// 0 for an ASCII character that needs no escape in a string.
  fileprivate var oddity: UInt8 {
    (self &- 0x20 >= 0x60 ? 1 : 0) | (self == UInt8(ascii: "\"") ? 1 : 0) | (self == UInt8(ascii: "\\") ? 1 : 0)
  }
}
