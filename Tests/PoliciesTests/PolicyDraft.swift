import Policies
import TestSupport

/// Texts of policies, by hand or by chance.
enum PolicyDraft {
  static func read(_ text: String) -> Policy? {
    let bytes = Array(text.utf8)
    return Policy(bytes.span)
  }

  static func policy(_ statements: String...) -> String { policy(statements) }

  static func policy(_ statements: [String]) -> String {
    #"{"Version":"1","Statement":[\#(statements.joined(separator: ","))]}"#
  }

  static func allow(_ action: String, _ resource: String = "*", when condition: String? = nil) -> String {
    statement("Allow", #""Action":"\#(action)""#, #""Resource":"\#(resource)""#, condition)
  }

  static func deny(_ action: String, _ resource: String = "*", when condition: String? = nil) -> String {
    statement("Deny", #""Action":"\#(action)""#, #""Resource":"\#(resource)""#, condition)
  }

  static func statement(_ effect: String, _ actions: String, _ resources: String, _ condition: String?) -> String {
    #"{"Effect":"\#(effect)",\#(actions),\#(resources)"# + (condition.map { #","Condition":{\#($0)}"# } ?? "") + "}"
  }
}

/// Policies and requests by chance, of few words, so that they often have to do with each other.
struct RandomPolicies {
  var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  static let conditions = [
    #""StringEquals":{"k":"a"}"#, #""StringEquals":{"k":["a","b"]}"#, #""StringNotEquals":{"k":"a"}"#,
    #""StringNotEquals":{"k":["a","b"]}"#, #""StringLike":{"k":"a*"}"#, #""StringNotLike":{"k":"?"}"#,
    #""StringEqualsIgnoreCase":{"k":"A"}"#, #""NumericLessThan":{"n":"5"}"#, #""NumericGreaterThanEquals":{"n":"5"}"#,
    #""NumericNotEquals":{"n":["5","7"]}"#, #""DateLessThan":{"acs:CurrentTime":"2027-01-01T00:00:00+08:00"}"#,
    #""DateGreaterThan":{"acs:CurrentTime":"2027-01-01T00:00Z"}"#, #""Bool":{"b":"true"}"#, #""Bool":{"b":"False"}"#,
    #""IpAddress":{"acs:SourceIp":["10.0.0.0/8","2001:db8::/33"]}"#, #""NotIpAddress":{"acs:SourceIp":"10.1.0.0/16"}"#,
    #""StringEquals":{"k":"b"},"Bool":{"b":"true"}"#,
  ]

  private static let values: [String: [String]] = [
    "k": ["a", "b", "A", "", "ab"], "n": ["4", "5", "5.0", "7", "x", "1e1"],
    "acs:CurrentTime": ["2026-12-31T15:59:59Z", "2026-12-31T16:00:00.5Z", "2028-02-29T00:00:00Z", "2027-02-29T00:00Z"],
    "b": ["true", "false", "TRUE", "1"],
    "acs:SourceIp": [
      "10.1.2.3", "10.255.0.0", "11.0.0.1", "2001:db8::1", "2001:db8:8000::", "::ffff:10.0.0.1", "10.1",
    ],
  ]

  mutating func chance(_ share: Int) -> Bool { Int.random(in: 0..<share, using: &generator) == 0 }

  mutating func pick<Item>(_ items: [Item]) -> Item { items[Int.random(in: 0..<items.count, using: &generator)] }

  mutating func action() -> String {
    pick([
      "*", "oss:*", "oss:Get*", "oss:*Object", "oss:GetObject", "OSS:getobject", "oss:PutObject", "vod:*", "vod:Get?",
    ])
  }

  mutating func resource() -> String {
    pick([
      "*", "acs:oss:*:*:*", "acs:oss:*:*:b/*", "acs:oss:*:1:b/*", "acs:oss:*:2:b/*", "acs:oss:*:*:b/secret/*",
      "acs:oss:*:*:B/*", "acs:oss:*:*:b/?", "acs:oss:cn-hangzhou:1:b/c", "acs:vod:*:*:*",
    ])
  }

  mutating func statement() -> String {
    let actions = list { $0.action() }
    let resources = list { $0.resource() }
    return PolicyDraft.statement(
      chance(3) ? "Deny" : "Allow", #""\#(chance(6) ? "Not" : "")Action":\#(actions)"#,
      #""\#(chance(8) ? "Not" : "")Resource":\#(resources)"#, chance(4) ? pick(Self.conditions) : nil)
  }

  mutating func policy() -> String {
    PolicyDraft.policy((0..<Int.random(in: 1...3, using: &generator)).map { _ in statement() })
  }

  private mutating func list(_ item: (inout RandomPolicies) -> String) -> String {
    let items = (0..<Int.random(in: 1...2, using: &generator)).map { _ in "\"\(item(&self))\"" }
    return items.count == 1 && chance(2) ? items[0] : "[\(items.joined(separator: ","))]"
  }

  mutating func concreteAction() -> String {
    let filled = action().map { $0 == "*" ? pick(["", "x", "GetObject", "oss:GetObject"]) : String($0) }.joined()
    return chance(2) ? pick(["oss:GetObject", "oss:PutObject", "vod:Get?", "vod:Geta", "ram:CreateUser"]) : filled
  }

  mutating func concreteResource() -> String {
    resource().map { $0 == "*" ? pick(["", "1", "x", "b/c", "acs:oss:r:1:b/secret/x"]) : String($0) }.joined()
  }

  mutating func context() -> [String: String] {
    var context: [String: String] = [:]
    for (key, values) in Self.values.sorted(by: { $0.key < $1.key }) where chance(2) { context[key] = pick(values) }
    return context
  }
}
