import HTTPServer

/// Why a query parameter is refused: its value, and the allowed ones.
struct RefusedValue: Error, CustomStringConvertible {
  private let name: String
  private let value: String
  private let rule: String

  /// `rule` is the allowed value, in half a sentence.
  init(_ name: StaticString, of request: borrowing RequestHead, _ rule: String) {
    self.name = "\(name)"
    value = request.query(name) ?? ""
    self.rule = rule
  }

  var description: String { "'\(name)' is '\(Self.shown(value))'; \(rule)" }

  /// The whole seconds of a parameter, 0 to `limit`; nil if the query doesn't have it.
  static func seconds(
    _ name: StaticString, of request: borrowing RequestHead, atMost limit: Int
  ) throws(RefusedValue) -> Int? {
    switch request.queryNumber(name) {
    case .missing: return nil
    case .value(let seconds) where seconds <= limit: return seconds
    case .value, .malformed:
      throw RefusedValue(name, of: request, "write whole seconds, 0 to \(limit): ?\(name)=30")
    }
  }

  /// Text from outside as a message quotes it: at most 64 characters, and only printable ASCII.
  static func shown(_ text: some StringProtocol) -> String {
    let escaped = text.unicodeScalars.prefix(64).map { scalar in
      scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F ? String(scalar) : scalar.escaped(asASCII: true)
    }
    return escaped.joined() + (text.unicodeScalars.count > 64 ? "…" : "")
  }
}
