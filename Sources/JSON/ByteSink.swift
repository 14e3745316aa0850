/// Takes bytes one after another: the writer's output, and unescaped strings.
///
/// A sink for secrets is one whose storage is wiped.
package protocol ByteSink: ~Copyable {
  mutating func append(_ byte: UInt8)
  mutating func append(_ bytes: Span<UInt8>)
}

extension [UInt8]: ByteSink {
  package mutating func append(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
  }
}

extension ByteSink where Self: ~Copyable {
  package mutating func append(_ text: String) {
    // Not by `utf8.span`: of a short string it dangles in optimised builds (Swift 6.3.1).
    var text = text
    text.withUTF8 { append($0.span) }
  }
}
