@testable import Emulator

/// A policy's text, from what was read of it.
enum PolicyWriter {
  static func text(of policy: Policy) -> String { text(of: policy.statements) }

  static func text(of statements: [PolicyStatement]) -> String {
    var fields: Fields = ["Version": .text("1")]
    fields.append("Statement", .list(statements.map(statement)))
    return fields.json
  }

  private static func statement(_ statement: PolicyStatement) -> Field {
    var fields: Fields = ["Effect": .text(statement.effect.rawValue)]
    append(statement.actions, "Action", to: &fields)
    if let resources = statement.resources { append(resources, "Resource", to: &fields) }
    if let principals = statement.principals {
      var members: Fields = [:]
      for (type, names) in principals.sorted(by: { $0.key < $1.key }) { members.append(type, list(names)) }
      fields.append("Principal", .object(members))
    }
    if !statement.conditions.isEmpty { fields.append("Condition", conditions(statement.conditions)) }
    return .object(fields)
  }

  private static func append(_ choice: PolicyStatement.Choice, _ name: String, to fields: inout Fields) {
    switch choice {
    case .these(let patterns): fields.append(name, list(patterns))
    case .allBut(let patterns): fields.append("Not" + name, list(patterns))
    }
  }

  /// Lines of the same operator stand behind each other, as they were read.
  private static func conditions(_ conditions: [PolicyCondition]) -> Field {
    var operators: Fields = [:]
    for test in PolicyCondition.Test.allCases {
      var keys: Fields = [:]
      for condition in conditions where condition.test == test { keys.append(condition.key, list(condition.values)) }
      if !keys.members.isEmpty { operators.append(test.rawValue, .object(keys)) }
    }
    return .object(operators)
  }

  private static func list(_ texts: [String]) -> Field { .list(texts.map { .text($0) }) }
}
