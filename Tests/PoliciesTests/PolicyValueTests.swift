import Testing

@testable import Policies

/// Values of condition keys that `policy test` is asked with.
@Suite struct PolicyValueTests {
  @Test(arguments: [
    ("IpAddress", "10.0.0.0/8", "banana", "an address, such as 192.0.2.7"),
    ("NotIpAddress", "10.0.0.0/8", "10.1.0.0/16", "an address, such as 192.0.2.7"),
    ("IpAddress", "10.0.0.0/8", "192.0.2.7", nil), ("IpAddress", "10.0.0.0/8", "2001:db8::7", nil),
    ("Bool", "true", "yes", "true or false"), ("Bool", "true", "False", nil),
    ("NumericLessThan", "7", "few", "a number"),
    ("NumericLessThan", "7", "9", nil),
    ("DateLessThan", "2026-01-02T03:04:05Z", "tomorrow", "a time, such as 2026-01-02T03:04:05Z"),
    ("StringEquals", "a", "banana", nil),
  ])
  func `a value that the condition can't compare is none that a request has`(
    name: String, value: String, actual: String, needed: String?
  ) throws {
    let condition = "\"\(name)\":{\"acs:k\":\"\(value)\"}"
    let policy = try #require(PolicyDraft.read(PolicyDraft.policy(PolicyDraft.allow("oss:*", when: condition))))
    let found = policy.impossibleValue(
      in: PolicyRequest(action: "oss:GetObject", resource: "*", context: ["acs:k": actual, "acs:other": "x"]))
    #expect(found?.needed == needed)
    if needed != nil { #expect(found?.key == "acs:k" && found?.operatorName == name) }
  }
}
