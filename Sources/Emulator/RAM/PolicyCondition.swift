/// One line of a `Condition` block: an operator, a key, and the values, one of which must match.
struct PolicyCondition: Sendable {
  let test: Test
  let key: String
  let values: [String]

  /// The conditions of a block, all of which must hold. Nil if the block violates the grammar, or has a value that its operator
  /// can't parse: such a condition would never match, and in a Deny statement that would grant what the policy forbids.
  static func all(in value: PolicyValue) -> [PolicyCondition]? {
    guard case .object(let operators) = value else { return nil }
    var conditions: [PolicyCondition] = []
    for (name, keys) in operators {
      guard let test = Test(rawValue: name), case .object(let members) = keys, !members.isEmpty else { return nil }
      for (key, value) in members {
        guard !key.isEmpty, let values = value.strings, values.allSatisfy(test.canRead) else { return nil }
        conditions.append(PolicyCondition(test: test, key: key, values: values))
      }
    }
    return conditions
  }

  /// Whether the request matches. A key that the request doesn't have fails the plain tests and passes their negations.
  func holds(in context: [String: String]) -> Bool {
    guard let actual = context[key] else { return test.isNegation }
    return test.isNegation
      ? values.allSatisfy { !test.fits(actual, $0) } : values.contains { test.fits(actual, $0) }
  }
}

extension PolicyCondition {
  /// The condition operators of "Policy elements".
  enum Test: String, Sendable, CaseIterable {
    case stringEquals = "StringEquals"
    case stringNotEquals = "StringNotEquals"
    case stringEqualsIgnoreCase = "StringEqualsIgnoreCase"
    case stringNotEqualsIgnoreCase = "StringNotEqualsIgnoreCase"
    case stringLike = "StringLike"
    case stringNotLike = "StringNotLike"
    case numericEquals = "NumericEquals"
    case numericNotEquals = "NumericNotEquals"
    case numericLessThan = "NumericLessThan"
    case numericLessThanEquals = "NumericLessThanEquals"
    case numericGreaterThan = "NumericGreaterThan"
    case numericGreaterThanEquals = "NumericGreaterThanEquals"
    case dateEquals = "DateEquals"
    case dateNotEquals = "DateNotEquals"
    case dateLessThan = "DateLessThan"
    case dateLessThanEquals = "DateLessThanEquals"
    case dateGreaterThan = "DateGreaterThan"
    case dateGreaterThanEquals = "DateGreaterThanEquals"
    case bool = "Bool"
    case ipAddress = "IpAddress"
    case notIpAddress = "NotIpAddress"

    var isNegation: Bool {
      switch self {
      case .stringNotEquals, .stringNotEqualsIgnoreCase, .stringNotLike, .numericNotEquals, .dateNotEquals,
        .notIpAddress:
        true
      default: false
      }
    }

    /// Whether `value` of a policy has the form that this operator compares.
    func canRead(_ value: String) -> Bool {
      switch self {
      case .stringEquals, .stringNotEquals, .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase, .stringLike,
        .stringNotLike:
        true
      case .numericEquals, .numericNotEquals, .numericLessThan, .numericLessThanEquals, .numericGreaterThan,
        .numericGreaterThanEquals:
        Self.number(value) != nil
      case .dateEquals, .dateNotEquals, .dateLessThan, .dateLessThanEquals, .dateGreaterThan, .dateGreaterThanEquals:
        WallTime.ofPolicy(value) != nil
      case .bool: ["true", "false"].contains(value.lowercased())
      case .ipAddress, .notIpAddress: AddressBlock(value) != nil
      }
    }

    /// Whether `actual` matches `wanted`, ignoring negation: a negated operator is the opposite of its plain counterpart.
    func fits(_ actual: String, _ wanted: String) -> Bool {
      switch self {
      case .stringEquals, .stringNotEquals: actual.utf8.elementsEqual(wanted.utf8)
      case .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase, .bool:
        actual.lowercased().utf8.elementsEqual(wanted.lowercased().utf8)
      case .stringLike, .stringNotLike: Wildcard.matches(wanted, actual, singles: true)
      case .numericEquals, .numericNotEquals: compare(Self.number(actual), Self.number(wanted), ==)
      case .numericLessThan: compare(Self.number(actual), Self.number(wanted), <)
      case .numericLessThanEquals: compare(Self.number(actual), Self.number(wanted), <=)
      case .numericGreaterThan: compare(Self.number(actual), Self.number(wanted), >)
      case .numericGreaterThanEquals: compare(Self.number(actual), Self.number(wanted), >=)
      case .dateEquals, .dateNotEquals: compare(WallTime.ofPolicy(actual), WallTime.ofPolicy(wanted), ==)
      case .dateLessThan: compare(WallTime.ofPolicy(actual), WallTime.ofPolicy(wanted), <)
      case .dateLessThanEquals: compare(WallTime.ofPolicy(actual), WallTime.ofPolicy(wanted), <=)
      case .dateGreaterThan: compare(WallTime.ofPolicy(actual), WallTime.ofPolicy(wanted), >)
      case .dateGreaterThanEquals: compare(WallTime.ofPolicy(actual), WallTime.ofPolicy(wanted), >=)
      case .ipAddress, .notIpAddress: AddressBlock(wanted)?.contains(actual) == true
      }
    }

    /// A decimal number; Swift's own parser would also accept `nan` and `0x10`.
    private static func number(_ text: String) -> Double? {
      guard text.utf8.allSatisfy({ RoleReference.isDigit($0) || "+-.eE".utf8.contains($0) }) else { return nil }
      return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    private func compare<Value>(_ actual: Value?, _ wanted: Value?, _ holds: (Value, Value) -> Bool) -> Bool {
      guard let actual, let wanted else { return false }
      return holds(actual, wanted)
    }
  }
}
