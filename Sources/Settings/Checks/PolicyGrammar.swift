import Core
import JSON

/// The grammar of a RAM policy that is attached to a session (RAM documentation, "Policy structure and syntax" and
/// "Policy elements"; operators by "Conditional operators").
///
/// RAM decides what a policy may contain; this copy of its grammar may be older. So an error is only what no policy can
/// omit or what can have no meaning: version, statements, effect, action, resource. An unknown name, operator or form
/// of a value is a warning, and the policy is sent as it is.
///
///     {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Put*", "Resource": "*", "Condition": {…}}, …]}
struct PolicyGrammar {
  struct Problem {
    enum Severity {
      /// RAM would refuse it.
      case error
      /// The grammar known here doesn't have it.
      case warning
    }

    let severity: Severity
    /// The position in the text, in bytes.
    let offset: Int
    let problem: String
    let remedy: String
  }

  private(set) var problems: [Problem] = []

  static let operators: Set<String> = {
    let texts = ["Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike"].map {
      "String\($0)"
    }
    let orders = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
    let others = ["Bool", "IpAddress", "NotIpAddress"]
    return Set(texts + orders.map { "Numeric\($0)" } + orders.map { "Date\($0)" } + others)
  }()

  mutating func check(_ policy: borrowing JSONValue) {
    guard policy.kind == .object else {
      return report(policy.offset, "it is no object", "write {\"Version\": \"1\", \"Statement\": […]}")
    }
    warnOfOthers(than: ["Version", "Statement"], in: policy, "a policy")
    if let version = policy["Version"] {
      if version.string() != "1" { report(version.offset, "Version is not \"1\"", "write \"Version\": \"1\"") }
    } else {
      report(policy.offset, "Version is missing", "write \"Version\": \"1\"")
    }
    checkStatements(of: policy)
  }

  private mutating func checkStatements(of policy: borrowing JSONValue) {
    guard let statements = policy["Statement"] else {
      return report(policy.offset, "Statement is missing", "write \"Statement\": […]")
    }
    guard statements.kind == .array, statements.count > 0 else {
      return report(statements.offset, "Statement is no list with at least one statement", "write \"Statement\": [{…}]")
    }
    statements.forEachItem { statement in checkStatement(statement) }
  }

  private mutating func checkStatement(_ statement: borrowing JSONValue) {
    guard statement.kind == .object else {
      return report(
        statement.offset, "a statement is no object", "write {\"Effect\": …, \"Action\": …, \"Resource\": …}")
    }
    if let principal = statement["Principal"] {
      warn(
        principal.offset, "a session policy usually has no Principal",
        "remove it if it was copied from the role's trust policy")
    }
    warnOfOthers(
      than: ["Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal"], in: statement,
      "a statement")
    if let effect = statement["Effect"] {
      if !["Allow", "Deny"].contains(effect.string()) {
        report(effect.offset, "Effect is neither \"Allow\" nor \"Deny\"", "write one of them, in this spelling")
      }
    } else {
      report(statement.offset, "Effect is missing", "write \"Effect\": \"Allow\" or \"Deny\"")
    }
    checkOneOf("Action", "NotAction", in: statement) {
      $0 == "*" || $0.contains(":")
    } form: {
      "write SERVICE:OPERATION, as oss:PutObject, or *"
    }
    checkOneOf("Resource", "NotResource", in: statement) {
      $0 == "*" || $0.hasPrefix("acs:")
    } form: {
      "write acs:SERVICE:REGION:ACCOUNT:NAME, as acs:oss:*:*:bucket/*, or *"
    }
    if let condition = statement["Condition"] { checkCondition(condition) }
  }

  private mutating func checkOneOf(
    _ name: String, _ opposite: String, in statement: borrowing JSONValue, isValid: (String) -> Bool, form: () -> String
  ) {
    let given = [name, opposite].filter { statement[$0] != nil }
    guard let only = given.first, given.count == 1 else {
      let problem = given.isEmpty ? "\(name) is missing" : "\(name) and \(opposite) stand side by side"
      return report(statement.offset, problem, "write one of \(name) and \(opposite)")
    }
    guard let value = statement[only] else { return }
    if value.kind == .array, value.count == 0 { report(value.offset, "\(only) is an empty list", form()) }
    Self.forEachText(of: value) { offset, text in
      guard let text else { return report(offset, "\(only) has a value that is no string", form()) }
      if !isValid(text) { warn(offset, "\(only) has '\(text)', an unusual form", form()) }
    }
  }

  private mutating func checkCondition(_ condition: borrowing JSONValue) {
    guard condition.kind == .object else {
      return report(condition.offset, "Condition is no object", "write {\"OPERATOR\": {\"KEY\": \"VALUE\"}}")
    }
    condition.forEachMember { key, keys in
      let name = key.string() ?? ""
      if !Self.operators.contains(name) {
        let near = Spelling.nearest(to: name, among: Self.operators.sorted()).map { "did you mean \($0)?" }
        warn(
          key.offset, "Condition has the operator '\(name)', which isn't known here",
          near ?? "look it up among RAM's condition operators")
      }
      guard keys.kind == .object, keys.count > 0 else {
        return report(keys.offset, "\(name) is no object of keys", "write {\"acs:SourceIp\": \"10.0.0.0/8\"}")
      }
      keys.forEachMember { key, value in
        let key = key.string() ?? ""
        Self.forEachText(of: value) { offset, text in
          if text == nil {
            warn(offset, "'\(key)' has a value that is no string", "write it in quotes; numbers and true, false too")
          }
        }
      }
    }
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
