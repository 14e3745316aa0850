/// One key of the settings: what may be written, what holds without it, and what it is for.
///
/// The words are those of the diagnostics and of the commented settings file.
protocol SettingKey: Sendable {
  var name: String { get }
  /// What its value is, as in "whole number".
  var type: String { get }
  /// Which values are allowed; nil when the type says it all.
  var range: String? { get }
  var absence: Absence { get }
  /// A value as it may stand in the file.
  var example: String { get }
  var summary: String { get }
  /// What a value has to be, in words, where the example is one of many and nobody's own; nil where it may be written as it stands.
  var rule: String? { get }
}

/// What holds when a key isn't written.
enum Absence: Hashable, Sendable {
  case refused
  /// This value, in the settings' words.
  case standard(String)
  /// The key then has no effect.
  case nothing
}

extension SettingKey {
  var range: String? { nil }
  var rule: String? { nil }

  /// Type, range and default in one line.
  var facts: String {
    let fallback =
      switch absence {
      case .refused: "required"
      case .standard(let text): "default \(text)"
      case .nothing: "default none"
      }
    return [type, range, fallback].compactMap { $0 }.joined(separator: ", ")
  }

  /// What to do about a bad value; `value` is a good one near to it.
  func remedy(_ value: String? = nil) -> String {
    if value == nil, let rule {
      return switch absence {
      case .refused: "set \(name) to \(rule)"
      case .standard(let text): "set \(name) to \(rule), or remove the line to use \(text)"
      case .nothing: "set \(name) to \(rule), or remove the line"
      }
    }
    let line = "write \(name) = \(value ?? example)"
    return switch absence {
    case .refused: line
    case .standard(let text) where text == value ?? example || "\"\(text)\"" == value ?? example:
      "\(line) or remove the line"
    case .standard(let text): "\(line) or remove the line to use \(text)"
    case .nothing: "\(line) or remove the line"
    }
  }
}

/// A table of the settings, and the keys it may have.
struct SettingTable: Sendable {
  /// How its header is written, as `[roles.NAME]`; empty for the tables of the main file, which are keys of the whole.
  let header: String
  let keys: [any SettingKey]

  func has(_ name: String) -> Bool { keys.contains { $0.name == name } }
}
