import Core
package import JSON

/// Reads a RAM policy that is attached to a session (RAM documentation, "Policy structure and syntax" and "Policy
/// elements"; operators by "Conditional operators").
///
/// RAM decides what a policy may contain; this copy of its grammar may be older. So an error is only what no policy can
/// omit or what can have no meaning: version, statements, effect, action, resource. An unknown name, operator or form
/// of a value is a warning, and the policy is sent as it is.
///
///     {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Put*", "Resource": "*", "Condition": {…}}, …]}
package struct PolicyReader {
  package struct Problem: Hashable, Sendable {
    package enum Severity: Hashable, Sendable {
      /// RAM would refuse it.
      case error
      /// The grammar known here doesn't have it.
      case warning
    }

    package let severity: Severity
    /// The position in the text, in bytes.
    package let offset: Int
    package let problem: String
    package let remedy: String
  }

  package private(set) var problems: [Problem] = []

  package init() {}

  /// Reads the policy and reports its problems; nil if one of them is an error.
  package mutating func read(_ policy: borrowing JSONValue) -> Policy? {
    let before = problems.count
    let statements = statements(of: policy)
    guard problems[before...].allSatisfy({ $0.severity == .warning }) else { return nil }
    return Policy(statements: statements)
  }

  private mutating func statements(of policy: borrowing JSONValue) -> [PolicyStatement] {
    guard policy.kind == .object else {
      report(policy.offset, "it is no object", "write {\"Version\": \"1\", \"Statement\": […]}")
      return []
    }
    warnOfOthers(than: ["Version", "Statement"], in: policy, "a policy")
    if let version = policy["Version"] {
      if version.string() != "1" { report(version.offset, "Version is not \"1\"", "write \"Version\": \"1\"") }
    } else {
      report(policy.offset, "Version is missing", "write \"Version\": \"1\"")
    }
    guard let list = policy["Statement"] else {
      report(policy.offset, "Statement is missing", "write \"Statement\": […]")
      return []
    }
    if list.kind == .object {
      // The vendor allows a single value instead of a list for the elements of a statement; for Statement itself it shows lists alone (?).
      warn(list.offset, "Statement is usually a list", "write \"Statement\": [{…}]")
      return [statement(list, number: 1)].compactMap { $0 }
    }
    guard list.kind == .array, list.count > 0 else {
      report(list.offset, "Statement is no list with at least one statement", "write \"Statement\": [{…}]")
      return []
    }
    var statements: [PolicyStatement] = []
    var number = 0
    list.forEachItem { item in
      number += 1
      if let statement = statement(item, number: number) { statements.append(statement) }
    }
    return statements
  }

  /// Nil if an error was reported.
  private mutating func statement(_ statement: borrowing JSONValue, number: Int) -> PolicyStatement? {
    guard statement.kind == .object else {
      report(statement.offset, "a statement is no object", "write {\"Effect\": …, \"Action\": …, \"Resource\": …}")
      return nil
    }
    if let principal = statement["Principal"] {
      warn(
        principal.offset, "a session policy usually has no Principal",
        "remove it if it was copied from the role's trust policy")
    }
    let elements = ["Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"]
    warnOfOthers(than: elements + ["Principal"], in: statement, "a statement")
    let effect = effect(of: statement)
    let actions = selection("Action", "NotAction", in: statement) {
      $0 == "*" || $0.contains(":")
    } form: {
      "write SERVICE:OPERATION, as oss:PutObject, or *"
    }
    let resources = selection("Resource", "NotResource", in: statement) {
      $0 == "*" || $0.hasPrefix("acs:")
    } form: {
      "write acs:SERVICE:REGION:ACCOUNT:NAME, as acs:oss:*:*:bucket/*, or *"
    }
    var conditions: [PolicyCondition] = []
    if let condition = statement["Condition"] { conditions = self.conditions(condition) }
    guard let effect, let actions, let resources else { return nil }
    return PolicyStatement(
      number: number, offset: statement.offset, effect: effect, actions: actions, resources: resources,
      conditions: conditions,
      // A name, which restricts nothing elsewhere.
      unknownMembers: Self.names(of: statement).filter { !elements.contains($0) && $0 != "Sid" })
  }

  private mutating func effect(of statement: borrowing JSONValue) -> PolicyStatement.Effect? {
    guard let value = statement["Effect"] else {
      report(statement.offset, "Effect is missing", "write \"Effect\": \"Allow\" or \"Deny\"")
      return nil
    }
    guard let effect = value.string().flatMap(PolicyStatement.Effect.init) else {
      report(value.offset, "Effect is neither \"Allow\" nor \"Deny\"", "write one of them, in this spelling")
      return nil
    }
    return effect
  }

  private mutating func selection(
    _ name: String, _ opposite: String, in statement: borrowing JSONValue, isValid: (String) -> Bool, form: () -> String
  ) -> PolicySelection? {
    let given = [name, opposite].filter { statement[$0] != nil }
    guard let only = given.first, given.count == 1, let value = statement[only] else {
      let problem = given.isEmpty ? "\(name) is missing" : "\(name) and \(opposite) stand side by side"
      report(statement.offset, problem, "write one of \(name) and \(opposite)")
      return nil
    }
    if value.kind == .array, value.count == 0 { report(value.offset, "\(only) is an empty list", form()) }
    var patterns: [WildcardPattern] = []
    Self.forEachText(of: value) { offset, text in
      guard let text else { return report(offset, "\(only) has a value that is no string", form()) }
      patterns.append(WildcardPattern(text))
      if !isValid(text) { warn(offset, "\(only) has '\(text)', an unusual form", form()) }
    }
    return only == name ? .these(patterns) : .allBut(patterns)
  }

  private mutating func conditions(_ condition: borrowing JSONValue) -> [PolicyCondition] {
    guard condition.kind == .object else {
      report(condition.offset, "Condition is no object", "write {\"OPERATOR\": {\"KEY\": \"VALUE\"}}")
      return []
    }
    var conditions: [PolicyCondition] = []
    condition.forEachMember { key, keys in
      let name = key.string() ?? ""
      if ConditionOperator(name) == nil {
        let near = Spelling.nearest(to: name, among: ConditionOperator.names).map { "did you mean \($0)?" }
        warn(
          key.offset, "Condition has the operator '\(name)', which isn't known here",
          near ?? "look it up among RAM's condition operators")
      }
      guard keys.kind == .object, keys.count > 0 else {
        return report(keys.offset, "\(name) is no object of keys", "write {\"acs:SourceIp\": \"10.0.0.0/8\"}")
      }
      keys.forEachMember { key, value in
        conditions.append(self.condition(name, key.string() ?? "", value))
      }
    }
    return conditions
  }

  private mutating func condition(
    _ name: String, _ key: String, _ value: borrowing JSONValue
  ) -> PolicyCondition {
    let test = ConditionOperator(name)
    var values: [String]? = []
    Self.forEachText(of: value) { offset, text in
      guard let text else {
        values = nil
        return warn(offset, "'\(key)' has a value that is no string", "write it in quotes; numbers and true, false too")
      }
      values?.append(text)
      if test?.canRead(text) == false {
        warn(offset, "'\(key)' has '\(text)', which \(name) can't compare here", "correct it, or the operator")
      }
    }
    return PolicyCondition(operatorName: name, key: key, values: values)
  }

  private mutating func warnOfOthers(than known: [String], in object: borrowing JSONValue, _ what: String) {
    object.forEachMember { key, value in
      let name = key.string() ?? ""
      guard !known.contains(name) else { return }
      let near = Spelling.nearest(to: name, among: known).map { "did you mean \($0)?" }
      warn(
        key.offset, "\(what) has '\(name)', which isn't known here", near ?? "look it up among RAM's policy elements")
    }
  }

  private static func names(of object: borrowing JSONValue) -> [String] {
    var names: [String] = []
    object.forEachMember { key, value in names.append(key.string() ?? "") }
    return names
  }

  /// Calls `body` with the string, or with each string of the list; with nil for a value that is no string.
  private static func forEachText(of value: borrowing JSONValue, _ body: (_ offset: Int, _ text: String?) -> Void) {
    guard value.kind == .array else { return body(value.offset, value.string()) }
    value.forEachItem { item in body(item.offset, item.string()) }
  }

  private mutating func report(_ offset: Int, _ problem: String, _ remedy: String) {
    problems.append(Problem(severity: .error, offset: offset, problem: problem, remedy: remedy))
  }

  private mutating func warn(_ offset: Int, _ problem: String, _ remedy: String) {
    problems.append(Problem(severity: .warning, offset: offset, problem: problem, remedy: remedy))
  }
}
