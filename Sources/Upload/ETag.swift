import Core

/// An ETag as it came, without its quotes.
///
/// Those of parts are an MD5, of which there may be 10,000 for a file: kept as numbers they take a third of a String's memory.
package struct ETag: Hashable, Sendable, CustomStringConvertible {
  private enum Form: Hashable {
    /// 32 upper-case hexadecimal digits.
    case digest(UInt64, UInt64)
    case other(String)
  }

  private let form: Form

  package init(_ text: String) {
    let bytes = Array(text.utf8)
    let isDigest =
      bytes.count == 32 && bytes.allSatisfy { $0.isDigit || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }
    form = isDigest ? .digest(Self.number(bytes[..<16]), Self.number(bytes[16...])) : .other(text)
  }

  /// Whether it takes no memory beside its own bytes.
  package var isCompact: Bool { if case .digest = form { true } else { false } }

  package var description: String {
    switch form {
    case .digest(let high, let low): Self.digits(high) + Self.digits(low)
    case .other(let text): text
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt64 {
    digits.reduce(0) { $0 << 4 | UInt64($1.isDigit ? $1 - UInt8(ascii: "0") : $1 - UInt8(ascii: "A") + 10) }
  }

  private static func digits(_ number: UInt64) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
