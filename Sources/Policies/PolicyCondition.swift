/// One line of a `Condition` block: an operator, a key, and the values, one of which must match.
struct PolicyCondition: Hashable, Sendable {
  let operatorName: String
  let key: String
  /// Nil if one of them is no string.
  let values: [String]?

  /// Nil if the operator isn't known here, or can't read one of the values.
  private let test: ConditionOperator?

  init(operatorName: String, key: String, values: [String]?) {
    self.operatorName = operatorName
    self.key = key
    self.values = values
    let known = ConditionOperator(operatorName)
    test = known.flatMap { known in values?.allSatisfy(known.canRead) == true ? known : nil }
  }

  /// Whether the request matches; nil if that can't be decided. A key that the request doesn't have fails the plain operators and
  /// passes their negations (?).
  func holds(in context: [String: String]) -> Bool? {
    guard let test, let values else { return nil }
    guard let actual = context[key] else { return test.isNegated }
    return values.contains { test.matches(actual, $0) } != test.isNegated
  }

  /// What its operator compares, if `actual` isn't that; else nil.
  func needed(insteadOf actual: String) -> String? { test?.needed(insteadOf: actual) }

  /// Whether it can be decided for a request that has its key.
  var isReadable: Bool { test != nil }

  /// Whether `other` surely holds where this does: the same operator and key, and fewer values to match or more to avoid.
  func implies(_ other: PolicyCondition) -> Bool {
    guard operatorName.utf8.elementsEqual(other.operatorName.utf8), key.utf8.elementsEqual(other.key.utf8),
      let values, let others = other.values
    else { return false }
    // By bytes: as Strings, é as one scalar and é as two are equal.
    let (own, its) = (Set(values.map { Array($0.utf8) }), Set(others.map { Array($0.utf8) }))
    guard let test, other.test != nil else { return own == its }
    return test.isNegated ? its.isSubset(of: own) : own.isSubset(of: its)
  }

  /// A value of the key with which the condition is likely to hold; nil if it holds without the key, or none is known.
  var exampleValue: String? {
    guard let test, !test.isNegated, let value = values?.first else { return nil }
    switch test.comparison {
    case .text, .bool: return value
    case .pattern: return String(value.unicodeScalars.map { $0 == "*" || $0 == "?" ? "x" : Character($0) })
    case .address: return value.split(separator: "/").first.map(String.init)
    case .number(let order):
      guard let number = PolicyValueText.number(value) else { return nil }
      switch order {
      case .equal, .lessOrEqual, .greaterOrEqual: return value
      case .less: return "\(number - 1)"
      case .greater: return "\(number + 1)"
      }
    case .date(let order):
      switch order {
      case .equal, .lessOrEqual, .greaterOrEqual: return value
      case .less: return "1970-01-01T00:00:00Z"
      case .greater: return "9999-12-31T00:00:00Z"
      }
    }
  }
}
