import Core

/// The kinds of values that keys have.

struct TextKey: SettingKey {
  let name: String
  /// A description of the text, such as "host or host:port".
  var form: String
  var standard: String?
  var isRequired = false
  let example: String
  let summary: String

  var type: String { "string" }
  var rule: String? { form }
  var range: String? { form }
  var absence: Absence { isRequired ? .refused : standard.map { .standard("\"\($0)\"") } ?? .nothing }
}

/// A list of strings of one form, whose order counts.
struct TextsKey: SettingKey {
  let name: String
  /// A description of each string, such as "host or host:port".
  let form: String
  let most: Int
  let example: String
  let summary: String

  var type: String { "list of strings" }
  var rule: String? { "a list of \(form)" }
  var range: String? { "\(form), at most \(most)" }
  var absence: Absence { .standard("[]") }
}

struct ChoiceKey: SettingKey {
  let name: String
  let choices: [String]
  /// Nil if the key is required.
  let standard: String?
  let summary: String

  var type: String { "string" }
  var range: String? { choices.map { "\"\($0)\"" }.joined(separator: " | ") }
  var absence: Absence { standard.map { .standard("\"\($0)\"") } ?? .refused }
  var example: String { "\"\(standard ?? choices[0])\"" }
}

struct DurationKey: SettingKey {
  let name: String
  let allowed: ClosedRange<Duration>
  /// Nil if the default follows from other settings, as `derivation` describes.
  var standard: Duration?
  var derivation = ""
  let summary: String

  var type: String { "duration" }
  var range: String? { "\(allowed.lowerBound.text) to \(allowed.upperBound.text)" }
  var absence: Absence { .standard(standard?.text ?? derivation) }
  var example: String { "\"\((standard ?? allowed.upperBound).text)\"" }
}

struct IntegerKey: SettingKey {
  let name: String
  let allowed: ClosedRange<Int64>
  let standard: Int64
  let summary: String

  var type: String { "whole number" }
  var range: String? { "\(allowed.lowerBound) to \(allowed.upperBound)" }
  var absence: Absence { .standard("\(standard)") }
  var example: String { "\(standard)" }
}

struct NumberKey: SettingKey {
  let name: String
  let allowed: ClosedRange<Double>
  let standard: Double
  let summary: String

  var type: String { "number" }
  var range: String? { "\(allowed.lowerBound.plain) to \(allowed.upperBound.plain)" }
  var absence: Absence { .standard(standard.plain) }
  var example: String { standard.plain }
}

struct FlagKey: SettingKey {
  let name: String
  let summary: String

  var type: String { "boolean" }
  var range: String? { "true | false" }
  var absence: Absence { .standard("false") }
  var example: String { "true" }
}

/// File permissions, as a string of octal digits.
struct ModeKey: SettingKey {
  let name: String
  let standard: UInt32
  let summary: String

  var type: String { "octal string" }
  var absence: Absence { .standard("\"\(standard.octal)\"") }
  var example: String { "\"\(standard.octal)\"" }
}

/// A user or a group, by name or number.
struct PrincipalKey: SettingKey {
  let name: String
  let kind: PrincipalKind
  /// A description of the default.
  let standard: String
  let example: String
  let summary: String

  var type: String { "\(kind.rawValue)'s name or number" }
  var rule: String? { "a \(type)" }
  var absence: Absence { .standard(standard) }
}

/// Users or groups, by name or number.
struct PrincipalsKey: SettingKey {
  let name: String
  let kind: PrincipalKind
  let example: String
  let summary: String

  var type: String { "list of \(kind.rawValue)s' names or numbers" }
  var rule: String? { "a \(type)" }
  var absence: Absence { .standard("[]") }
}

enum PrincipalKind: String, Sendable {
  case user, group
}

/// A key whose value is a table, or a list of tables.
struct TableKey: SettingKey {
  let name: String
  let example: String
  var isList = false
  let summary: String
  /// What to write, if the example's names can't be copied as they are.
  var rule: String?

  var type: String { isList ? "list of tables" : "table" }
  var absence: Absence { .nothing }
}

extension UInt32 {
  /// The mode in four digits, such as `0640`.
  var octal: String {
    let digits = String(self, radix: 8)
    return String(repeating: "0", count: Swift.max(0, 4 - digits.count)) + digits
  }
}

extension Double {
  /// The number without a fraction if that is zero.
  var plain: String { Int64(exactly: self).map { "\($0)" } ?? "\(self)" }
}
