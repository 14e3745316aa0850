/// A condition operator of RAM (RAM documentation, "Conditional operators").
struct ConditionOperator: Hashable, Sendable {
  enum Order: String, CaseIterable, Hashable, Sendable {
    case equal = "Equals"
    case less = "LessThan"
    case lessOrEqual = "LessThanEquals"
    case greater = "GreaterThan"
    case greaterOrEqual = "GreaterThanEquals"

    func holds<Value: Comparable>(_ actual: Value, _ value: Value) -> Bool {
      switch self {
      case .equal: actual == value
      case .less: actual < value
      case .lessOrEqual: actual <= value
      case .greater: actual > value
      case .greaterOrEqual: actual >= value
      }
    }
  }

  enum Comparison: Hashable, Sendable {
    case text(ignoringCase: Bool)
    case pattern
    case number(Order)
    case date(Order)
    case bool
    case address
  }

  let comparison: Comparison
  /// Whether it holds where its counterpart without `Not` doesn't.
  let isNegated: Bool

  /// Nil for a name that isn't known here.
  init?(_ name: String) {
    guard let known = Self.all[name] else { return nil }
    self = known
  }

  private init(_ comparison: Comparison, isNegated: Bool = false) {
    self.comparison = comparison
    self.isNegated = isNegated
  }

  static let names: [String] = all.keys.sorted()

  private static let all: [String: ConditionOperator] = {
    var all: [String: ConditionOperator] = [
      "Bool": ConditionOperator(.bool), "IpAddress": ConditionOperator(.address),
      "NotIpAddress": ConditionOperator(.address, isNegated: true),
    ]
    let texts: [(String, Comparison)] = [
      ("Equals", .text(ignoringCase: false)), ("EqualsIgnoreCase", .text(ignoringCase: true)), ("Like", .pattern),
    ]
    for (name, comparison) in texts {
      all["String\(name)"] = ConditionOperator(comparison)
      all["StringNot\(name)"] = ConditionOperator(comparison, isNegated: true)
    }
    for order in Order.allCases {
      all["Numeric\(order.rawValue)"] = ConditionOperator(.number(order))
      all["Date\(order.rawValue)"] = ConditionOperator(.date(order))
    }
    all["NumericNotEquals"] = ConditionOperator(.number(.equal), isNegated: true)
    all["DateNotEquals"] = ConditionOperator(.date(.equal), isNegated: true)
    return all
  }()

  /// Whether `value` of a policy has the form that this operator compares.
  func canRead(_ value: String) -> Bool {
    switch comparison {
    case .text, .pattern: true
    case .number: PolicyValueText.number(value) != nil
    case .date: PolicyValueText.date(value) != nil
    case .bool: ["true", "false"].contains(value.lowercased())
    case .address: AddressRange(value) != nil
    }
  }

  /// What this operator compares, if `actual` of a request isn't that: "an address, such as 192.0.2.7"; else nil.
  func needed(insteadOf actual: String) -> String? {
    switch comparison {
    case .text, .pattern: nil
    case .address: canRead(actual) && !actual.contains("/") ? nil : "an address, such as 192.0.2.7"
    case .number: canRead(actual) ? nil : "a number"
    case .date: canRead(actual) ? nil : "a time, such as 2026-01-02T03:04:05Z"
    case .bool: canRead(actual) ? nil : "true or false"
    }
  }

  /// Whether `actual` matches `value`, which `canRead` accepts, apart from a negation. A text of another form doesn't match.
  func matches(_ actual: String, _ value: String) -> Bool {
    switch comparison {
    // By bytes: as Strings, é as one scalar and é as two are equal.
    case .text(false): actual.utf8.elementsEqual(value.utf8)
    case .text(true), .bool: actual.lowercased().utf8.elementsEqual(value.lowercased().utf8)
    case .pattern: WildcardPattern(value).matches(actual, singles: true)
    case .number(let order): Self.compare(actual, value, order, PolicyValueText.number)
    case .date(let order): Self.compare(actual, value, order, PolicyValueText.date)
    case .address: AddressRange(value)?.contains(actual) ?? false
    }
  }

  private static func compare<Value: Comparable>(
    _ actual: String, _ value: String, _ order: Order, _ read: (String) -> Value?
  ) -> Bool {
    guard let actual = read(actual), let value = read(value) else { return false }
    return order.holds(actual, value)
  }
}
