/// Writes one value on one line, keys in the given order, without blanks.
///
///     var json = JSONWriter([UInt8]())
///     json.object { json in
///       json.member("name", "uploader")
///       json.key("pools")
///       json.array { json in json.integer(2) }
///     }
///     let bytes = json.finish()     // {"name":"uploader","pools":[2]}
package struct JSONWriter<Sink: ByteSink & ~Copyable>: ~Copyable {
  /// The output so far.
  package private(set) var sink: Sink
  private var needsComma = false

  package init(_ sink: consuming Sink) {
    self.sink = sink
  }

  package consuming func finish() -> Sink { sink }

  package mutating func object<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    open(UInt8(ascii: "{"))
    try body(&self)
    close(UInt8(ascii: "}"))
  }

  package mutating func array<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    open(UInt8(ascii: "["))
    try body(&self)
    close(UInt8(ascii: "]"))
  }

  /// A member's name; its value comes next.
  package mutating func key(_ name: String) {
    string(name)
    sink.append(UInt8(ascii: ":"))
    needsComma = false
  }

  package mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { string(utf8: $0.span) }
  }

  /// Writes a string from its UTF-8, as for secrets, which must not become a String.
  package mutating func string(utf8 bytes: Span<UInt8>) {
    separate()
    sink.append(UInt8(ascii: "\""))
    var plain = 0
    for index in bytes.indices {
      guard let letter = JSONEscape.letter(for: bytes[index]) else { continue }
      sink.append(bytes.extracting(plain..<index))
      escape(bytes[index], as: letter)
      plain = index + 1
    }
    sink.append(bytes.extracting(plain..<bytes.count))
    sink.append(UInt8(ascii: "\""))
  }

  package mutating func integer(_ number: Int64) { token(String(number)) }

  /// Writes a number with a fraction; null for infinity and not-a-number, which JSON doesn't have.
  package mutating func double(_ number: Double) { token(number.isFinite ? number.description : "null") }

  package mutating func bool(_ value: Bool) { token(value ? "true" : "false") }

  package mutating func null() { token("null") }

  private mutating func token(_ text: String) {
    separate()
    sink.append(text)
  }

  private mutating func separate() {
    if needsComma { sink.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    sink.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    sink.append(bracket)
    needsComma = true
  }

  private mutating func escape(_ byte: UInt8, as letter: UInt8) {
    sink.append(UInt8(ascii: "\\"))
    sink.append(letter)
    guard letter == UInt8(ascii: "u") else { return }
    sink.append("00")
    sink.append(JSONEscape.hexDigit(byte >> 4))
    sink.append(JSONEscape.hexDigit(byte & 0xF))
  }
}

/// Members with simple values.
extension JSONWriter where Sink: ~Copyable {
  package mutating func member(_ name: String, _ text: String) {
    key(name)
    string(text)
  }

  package mutating func member(_ name: String, _ number: Int64) {
    key(name)
    integer(number)
  }

  package mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }
}
