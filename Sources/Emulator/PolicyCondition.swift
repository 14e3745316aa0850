import Glibc

/// One line of a `Condition` block: an operator, a key, and the values of which one must fit.
struct PolicyCondition: Sendable {
  let test: Test
  let key: String
  let values: [String]

  /// The conditions of a block, all of which must hold; nil when the block breaks the grammar.
  static func all(in value: PolicyValue) -> [PolicyCondition]? {
    guard case .object(let operators) = value else { return nil }
    var conditions: [PolicyCondition] = []
    for (name, keys) in operators {
      guard let test = Test(rawValue: name), case .object(let members) = keys, !members.isEmpty else { return nil }
      for (key, value) in members {
        guard !key.isEmpty, let values = value.strings else { return nil }
        conditions.append(PolicyCondition(test: test, key: key, values: values))
      }
    }
    return conditions
  }

  /// Whether the request fits. A key the request doesn't have fails the plain tests and passes their negations.
  func holds(in context: [String: String]) -> Bool {
    guard let actual = context[key] else { return test.isNegation }
    return test.isNegation
      ? values.allSatisfy { !test.fits(actual, $0) } : values.contains { test.fits(actual, $0) }
  }
}

extension PolicyCondition {
  /// The operators of "Policy elements", condition operators.
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

    /// Whether `actual` fits `wanted`, the negations aside: those are the opposite of their plain twin.
    func fits(_ actual: String, _ wanted: String) -> Bool {
      switch self {
      case .stringEquals, .stringNotEquals: actual.utf8.elementsEqual(wanted.utf8)
      case .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase, .bool:
        actual.lowercased().utf8.elementsEqual(wanted.lowercased().utf8)
      case .stringLike, .stringNotLike: Wildcard.matches(wanted, actual, singles: true)
      case .numericEquals, .numericNotEquals: compare(Double(actual), Double(wanted), ==)
      case .numericLessThan: compare(Double(actual), Double(wanted), <)
      case .numericLessThanEquals: compare(Double(actual), Double(wanted), <=)
      case .numericGreaterThan: compare(Double(actual), Double(wanted), >)
      case .numericGreaterThanEquals: compare(Double(actual), Double(wanted), >=)
      case .dateEquals, .dateNotEquals: compare(WallTime(actual), WallTime(wanted), ==)
      case .dateLessThan: compare(WallTime(actual), WallTime(wanted), <)
      case .dateLessThanEquals: compare(WallTime(actual), WallTime(wanted), <=)
      case .dateGreaterThan: compare(WallTime(actual), WallTime(wanted), >)
      case .dateGreaterThanEquals: compare(WallTime(actual), WallTime(wanted), >=)
      case .ipAddress, .notIpAddress: AddressBlock(wanted)?.contains(actual) == true
      }
    }

    private func compare<Value>(_ actual: Value?, _ wanted: Value?, _ holds: (Value, Value) -> Bool) -> Bool {
      guard let actual, let wanted else { return false }
      return holds(actual, wanted)
    }
  }
}

/// An IPv4 address or a block such as `192.0.2.0/24`.
private struct AddressBlock {
  private let network: UInt32
  private let mask: UInt32

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = Self.address(String(parts[0])),
      let length = parts.count == 2 ? Int(parts[1]) : 32, (0...32).contains(length)
    else { return nil }
    mask = length == 0 ? 0 : ~0 << UInt32(32 - length)
    network = address & mask
  }

  func contains(_ text: String) -> Bool { Self.address(text).map { $0 & mask == network } ?? false }

  private static func address(_ text: String) -> UInt32? {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
  }
}
