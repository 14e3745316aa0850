import Testing

@testable import Emulator

@Suite struct PolicyDecisionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    /// Statements, each as JSON.
    let statements: [String]
    var action = "oss:GetObject"
    var resource = "acs:oss:cn-hangzhou:1:bucket/dir/a"
    var context: [String: String] = [:]
    let expect: PolicyDecision

    var testDescription: String { name }
  }

  private static func allow(_ actions: String, _ rest: String = #""Resource":"*""#) -> String {
    #"{"Effect":"Allow",\#(actions),\#(rest)}"#
  }

  private static func when(_ condition: String) -> [String] {
    [allow(#""Action":"*""#, #""Resource":"*","Condition":{\#(condition)}"#)]
  }

  static let statements = [
    Case(name: "nothing said", statements: [allow(#""Action":"vod:*""#)], expect: .notAllowed),
    Case(name: "everything", statements: [allow(#""Action":"*""#)], expect: .allowed),
    Case(name: "the action", statements: [allow(#""Action":"oss:GetObject""#)], expect: .allowed),
    Case(name: "the action in other case", statements: [allow(#""Action":"OSS:getobject""#)], expect: .allowed),
    Case(name: "a pattern of actions", statements: [allow(#""Action":"oss:Get*""#)], expect: .allowed),
    Case(name: "one of several", statements: [allow(#""Action":["vod:*","oss:Get*"]"#)], expect: .allowed),
    Case(name: "a question mark is itself", statements: [allow(#""Action":"oss:GetObjec?""#)], expect: .notAllowed),
    Case(name: "all but others", statements: [allow(#""NotAction":"vod:*""#)], expect: .allowed),
    Case(name: "all but this", statements: [allow(#""NotAction":["vod:*","oss:*"]"#)], expect: .notAllowed),
    Case(
      name: "the resource", statements: [allow(#""Action":"*""#, #""Resource":"acs:oss:*:*:bucket/dir/*""#)],
      expect: .allowed),
    Case(
      name: "another resource", statements: [allow(#""Action":"*""#, #""Resource":"acs:oss:*:*:bucket/other/*""#)],
      expect: .notAllowed),
    Case(
      name: "a resource in other case", statements: [allow(#""Action":"*""#, #""Resource":"acs:oss:*:*:Bucket/*""#)],
      expect: .notAllowed),
    Case(
      name: "all but another resource", statements: [allow(#""Action":"*""#, #""NotResource":"acs:oss:*:*:other/*""#)],
      expect: .allowed),
    Case(
      name: "all but this resource", statements: [allow(#""Action":"*""#, #""NotResource":"acs:oss:*:*:bucket/*""#)],
      expect: .notAllowed),
    Case(
      name: "a Deny beside an Allow",
      statements: [allow(#""Action":"*""#), #"{"Effect":"Deny","Action":"oss:Get*","Resource":"*"}"#], expect: .denied),
    Case(
      name: "a Deny before an Allow",
      statements: [#"{"Effect":"Deny","Action":"*","Resource":"acs:oss:*:*:bucket/dir/a"}"#, allow(#""Action":"*""#)],
      expect: .denied),
    Case(
      name: "a Deny of something else",
      statements: [allow(#""Action":"*""#), #"{"Effect":"Deny","Action":"oss:Put*","Resource":"*"}"#],
      expect: .allowed),
    Case(
      name: "a Deny of all but this",
      statements: [allow(#""Action":"*""#), #"{"Effect":"Deny","NotAction":"oss:Get*","Resource":"*"}"#],
      expect: .allowed),
    Case(
      name: "a Deny whose condition doesn't hold",
      statements: [
        allow(#""Action":"*""#),
        #"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"acs:MFAPresent":"false"}}}"#,
      ], context: ["acs:MFAPresent": "true"], expect: .allowed),
  ]

  static let conditions = [
    Case(
      name: "StringEquals", statements: when(#""StringEquals":{"k":["a","b"]}"#), context: ["k": "b"], expect: .allowed),
    Case(
      name: "StringEquals, case", statements: when(#""StringEquals":{"k":"a"}"#), context: ["k": "A"],
      expect: .notAllowed),
    Case(
      name: "StringEquals, a star is itself", statements: when(#""StringEquals":{"k":"a*"}"#), context: ["k": "ab"],
      expect: .notAllowed),
    Case(
      name: "StringEquals, composed and decomposed", statements: when(#""StringEquals":{"k":"\u00e9"}"#),
      context: ["k": "e\u{301}"], expect: .notAllowed),
    Case(name: "StringEquals, no such key", statements: when(#""StringEquals":{"k":"a"}"#), expect: .notAllowed),
    Case(
      name: "StringNotEquals", statements: when(#""StringNotEquals":{"k":["a","b"]}"#), context: ["k": "c"],
      expect: .allowed),
    Case(
      name: "StringNotEquals, one of them", statements: when(#""StringNotEquals":{"k":["a","b"]}"#),
      context: ["k": "b"], expect: .notAllowed),
    Case(name: "StringNotEquals, no such key", statements: when(#""StringNotEquals":{"k":"a"}"#), expect: .allowed),
    Case(
      name: "StringEqualsIgnoreCase", statements: when(#""StringEqualsIgnoreCase":{"k":"Ab"}"#), context: ["k": "aB"],
      expect: .allowed),
    Case(
      name: "StringNotEqualsIgnoreCase", statements: when(#""StringNotEqualsIgnoreCase":{"k":"Ab"}"#),
      context: ["k": "aB"], expect: .notAllowed),
    Case(
      name: "StringLike", statements: when(#""StringLike":{"k":"video*"}"#), context: ["k": "video-1"],
      expect: .allowed),
    Case(
      name: "StringLike, any one", statements: when(#""StringLike":{"k":"v?deo"}"#), context: ["k": "video"],
      expect: .allowed),
    Case(
      name: "StringLike, another", statements: when(#""StringLike":{"k":"video*"}"#), context: ["k": "Video"],
      expect: .notAllowed),
    Case(
      name: "StringNotLike", statements: when(#""StringNotLike":{"k":"video*"}"#), context: ["k": "audio"],
      expect: .allowed),
    Case(
      name: "StringNotLike, the pattern", statements: when(#""StringNotLike":{"k":"video*"}"#),
      context: ["k": "video"], expect: .notAllowed),
    Case(name: "Bool", statements: when(#""Bool":{"k":"true"}"#), context: ["k": "true"], expect: .allowed),
    Case(name: "Bool, case", statements: when(#""Bool":{"k":"True"}"#), context: ["k": "true"], expect: .allowed),
    Case(
      name: "Bool, the other", statements: when(#""Bool":{"k":"true"}"#), context: ["k": "false"], expect: .notAllowed),
    Case(name: "Bool, no such key", statements: when(#""Bool":{"k":"false"}"#), expect: .notAllowed),
    Case(
      name: "two keys", statements: when(#""StringEquals":{"k":"a","l":"b"}"#), context: ["k": "a", "l": "b"],
      expect: .allowed),
    Case(
      name: "two keys, one fails", statements: when(#""StringEquals":{"k":"a","l":"b"}"#),
      context: ["k": "a", "l": "c"], expect: .notAllowed),
    Case(
      name: "two operators, one fails", statements: when(#""StringEquals":{"k":"a"},"Bool":{"l":"true"}"#),
      context: ["k": "a", "l": "false"], expect: .notAllowed),
    Case(
      name: "numbers", statements: when(#""NumericLessThanEquals":{"k":"10"},"NumericGreaterThan":{"k":"9.5"}"#),
      context: ["k": "10"], expect: .allowed),
    Case(
      name: "no number", statements: when(#""NumericEquals":{"k":"10"}"#), context: ["k": "ten"], expect: .notAllowed),
    Case(
      name: "StringLike, any one that has two bytes", statements: when(#""StringLike":{"k":"caf?"}"#),
      context: ["k": "café"], expect: .allowed),
    Case(
      name: "a date of another zone",
      statements: when(#""DateLessThan":{"acs:CurrentTime":"2026-01-02T11:04:05+08:00"}"#),
      context: ["acs:CurrentTime": "2026-01-02T03:04:04Z"], expect: .allowed),
    Case(
      name: "later than the date of another zone",
      statements: when(#""DateLessThan":{"acs:CurrentTime":"2026-01-02T11:04:05+08:00"}"#),
      context: ["acs:CurrentTime": "2026-01-02T03:04:05Z"], expect: .notAllowed),
    Case(
      name: "one moment in two zones",
      statements: when(#""DateEquals":{"acs:CurrentTime":"2026-01-01T22:34:05-04:30"}"#),
      context: ["acs:CurrentTime": "2026-01-02T03:04:05Z"], expect: .allowed),
    Case(
      name: "a Deny until a date as the vendor writes it",
      statements: [
        allow(#""Action":"*""#),
        #"{"Effect":"Deny","Action":"*","Resource":"*","#
          + #""Condition":{"DateLessThan":{"acs:CurrentTime":"2099-08-01T00:00:00+08:00"}}}"#,
      ], context: ["acs:CurrentTime": "2026-01-02T03:04:05Z"], expect: .denied),
    Case(
      name: "a date without seconds, and one with a fraction",
      statements: when(
        #""DateGreaterThan":{"acs:CurrentTime":"2026-01-02T03:04Z"},"DateLessThan":{"acs:CurrentTime":"2026-01-02T03:04:05.5Z"}"#
      ), context: ["acs:CurrentTime": "2026-01-02T03:04:05Z"], expect: .allowed),
    Case(
      name: "an address of IPv6", statements: when(#""IpAddress":{"acs:SourceIp":["2001:db8::/33","10.0.0.0/8"]}"#),
      context: ["acs:SourceIp": "2001:db8:7fff::1"], expect: .allowed),
    Case(
      name: "another address of IPv6", statements: when(#""IpAddress":{"acs:SourceIp":"2001:db8::/33"}"#),
      context: ["acs:SourceIp": "2001:db8:8000::1"], expect: .notAllowed),
    Case(
      name: "an address of the other family", statements: when(#""IpAddress":{"acs:SourceIp":"::/0"}"#),
      context: ["acs:SourceIp": "192.0.2.1"], expect: .notAllowed),
    Case(
      name: "dates", statements: when(#""DateLessThan":{"acs:CurrentTime":"2026-01-02T03:04:05Z"}"#),
      context: ["acs:CurrentTime": "2026-01-02T03:04:04Z"], expect: .allowed),
    Case(
      name: "later than the date", statements: when(#""DateLessThan":{"acs:CurrentTime":"2026-01-02T03:04:05Z"}"#),
      context: ["acs:CurrentTime": "2026-01-02T03:04:05Z"], expect: .notAllowed),
    Case(
      name: "an address", statements: when(#""IpAddress":{"acs:SourceIp":["192.0.2.0/24","127.0.0.1"]}"#),
      context: ["acs:SourceIp": "192.0.2.77"], expect: .allowed),
    Case(
      name: "another address", statements: when(#""IpAddress":{"acs:SourceIp":"192.0.2.0/25"}"#),
      context: ["acs:SourceIp": "192.0.2.128"], expect: .notAllowed),
    Case(
      name: "not this address", statements: when(#""NotIpAddress":{"acs:SourceIp":"0.0.0.0/0"}"#),
      context: ["acs:SourceIp": "192.0.2.1"], expect: .notAllowed),
  ]

  @Test(arguments: statements + conditions)
  func `a request is judged by all statements together`(_ row: Case) throws {
    let text = #"{"Version":"1","Statement":[\#(row.statements.joined(separator: ","))]}"#
    let policy = try #require(Policy(text, kind: .identity))
    let question = AccessQuestion(action: row.action, resource: row.resource, context: row.context)
    #expect(Policy.decision(of: [policy], on: question) == row.expect)
    // Also if each statement is a policy of its own.
    let policies = try row.statements.map {
      try #require(Policy(#"{"Version":"1","Statement":[\#($0)]}"#, kind: .identity))
    }
    #expect(Policy.decision(of: policies, on: question) == row.expect)
  }

  struct TrustCase: Sendable, CustomTestStringConvertible {
    let name: String
    let trust: String
    let expect: PolicyDecision

    var testDescription: String { name }
  }

  @Test(arguments: [
    TrustCase(
      name: "the user", trust: #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::1:user/a"}}"#,
      expect: .allowed),
    TrustCase(
      name: "the account", trust: #"{"Effect":"Allow","Action":"sts:*","Principal":{"RAM":["acs:ram::1:root"]}}"#,
      expect: .allowed),
    TrustCase(
      name: "another account",
      trust: #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::2:root"}}"#,
      expect: .notAllowed),
    TrustCase(
      name: "another action",
      trust: #"{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"RAM":"acs:ram::1:root"}}"#,
      expect: .notAllowed),
    TrustCase(
      name: "a service",
      trust: #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"acs:ram::1:root"}}"#,
      expect: .notAllowed),
    TrustCase(
      name: "the account but not the user",
      trust: #"{"Effect":"Allow","Action":"*","Principal":{"RAM":"acs:ram::1:root"}},"#
        + #"{"Effect":"Deny","Action":"*","Principal":{"RAM":"acs:ram::1:user/a"}}"#, expect: .denied),
    TrustCase(
      name: "under a condition that fails",
      trust: #"{"Effect":"Allow","Action":"*","Principal":{"RAM":"acs:ram::1:root"},"#
        + #""Condition":{"StringEquals":{"sts:ExternalId":"x"}}}"#, expect: .notAllowed),
  ])
  func `a trust policy names its callers`(_ row: TrustCase) throws {
    let policy = try #require(Policy(#"{"Version":"1","Statement":[\#(row.trust)]}"#, kind: .trust))
    #expect(policy.trusts(Caller.user("a", account: "1").principals, in: [:]) == row.expect)
  }
}
