/// One key of the settings: its allowed values, its default and its purpose.
///
/// Diagnostics and the commented settings file use these words.
protocol SettingKey: Sendable {
  var name: String { get }
  /// The type of the value, such as "whole number".
  var type: String { get }
  /// The allowed values; nil if the type alone describes them.
  var range: String? { get }
  var absence: Absence { get }
  /// A valid value as it is written in the file.
  var example: String { get }
  var summary: String { get }
  /// What to write, if the example can't be copied as it is; nil if it can.
  var rule: String? { get }
}

/// What applies if a key isn't written.
enum Absence: Hashable, Sendable {
  case refused
  /// This default, as it is written in the settings.
  case standard(String)
  /// No default: what the key configures doesn't happen.
  case nothing
}

extension SettingKey {
  var range: String? { nil }
  var rule: String? { nil }

  /// Type, range and default on one line.
  var facts: String {
    let fallback =
      switch absence {
      case .refused: "required"
      case .standard(let text): "default \(text)"
      case .nothing: "default none"
      }
    return [type, range, fallback].compactMap { $0 }.joined(separator: ", ")
  }

  /// What to write where the key can't be left out, because of other keys or because there is no such line; `value` as in `remedy`.
  func requiredRemedy(_ value: String? = nil) -> String {
    if value == nil, let rule { return "set \(name) to \(rule)" }
    return "write \(name) = \(value ?? example)"
  }

  /// What to do about an invalid value; `value` is a valid one that is near to it.
  func remedy(_ value: String? = nil) -> String {
    let line = requiredRemedy(value)
    if value == nil, rule != nil {
      return switch absence {
      case .refused: line
      case .standard(let text): "\(line), or remove the line to use \(text)"
      case .nothing: "\(line), or remove the line"
      }
    }
    return switch absence {
    case .refused: line
    case .standard(let text) where text == value ?? example || "\"\(text)\"" == value ?? example:
      "\(line) or remove the line"
    case .standard(let text): "\(line) or remove the line to use \(text)"
    case .nothing: "\(line) or remove the line"
    }
  }
}

/// A table of the settings and the keys that it may have.
struct SettingTable: Sendable {
  /// How its header is written, such as `[roles.NAME]`; empty for the main file's root.
  let header: String
  let keys: [any SettingKey]

  func has(_ name: String) -> Bool { keys.contains { $0.name == name } }
}
