/// The content of an answer: named values in order, written as JSON or XML.
indirect enum Field: Sendable {
  case text(String)
  case number(Int64)
  case flag(Bool)
  case object(Fields)
  case list([Field])
}

struct Fields: Sendable, ExpressibleByDictionaryLiteral {
  private(set) var members: [(name: String, value: Field)]

  init(dictionaryLiteral elements: (String, Field)...) { members = elements.map { (name: $0.0, value: $0.1) } }

  mutating func append(_ name: String, _ value: Field) { members.append((name: name, value: value)) }

  /// Replaces the field of that name at any depth; nil removes it.
  mutating func replace(_ name: String, with value: Field?) {
    members = members.compactMap { member in
      if member.name == name { return value.map { (name: name, value: $0) } }
      guard case .object(var inner) = member.value else { return member }
      inner.replace(name, with: value)
      return (name: member.name, value: .object(inner))
    }
  }

  var json: String {
    "{" + members.map { "\(Field.text($0.name).json):\($0.value.json)" }.joined(separator: ",") + "}"
  }

  var xml: String { members.map { "<\($0.name)>\($0.value.xml)</\($0.name)>" }.joined() }
}

extension Field {
  var json: String {
    switch self {
    case .text(let text): Self.quoted(text)
    case .number(let number): String(number)
    case .flag(let flag): flag ? "true" : "false"
    case .object(let fields): fields.json
    case .list(let fields): "[" + fields.map(\.json).joined(separator: ",") + "]"
    }
  }

  var xml: String {
    switch self {
    case .text(let text): Self.escapedForXML(text)
    case .number(let number): String(number)
    case .flag(let flag): flag ? "true" : "false"
    case .object(let fields): fields.xml
    case .list(let fields): fields.map { "<member>\($0.xml)</member>" }.joined()
    }
  }

  private static func quoted(_ text: String) -> String {
    // Almost all texts need no escapes.
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
      return "\"\(text)\""
    }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  private static func escapedForXML(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      // XML 1.0 has no way to write the other control characters.
      case "\u{0}"..<" " where scalar != "\n" && scalar != "\t": escaped += "?"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
