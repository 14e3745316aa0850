import Testing

@testable import Emulator

@Suite struct PolicyGrammarTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    var kind = Policy.Kind.identity
    let isPolicy: Bool

    var testDescription: String { name }
  }

  private static func statement(_ text: String) -> String { #"{"Version":"1","Statement":[{\#(text)}]}"# }

  @Test(arguments: [
    Case(name: "one string each", text: statement(#""Effect":"Allow","Action":"*","Resource":"*""#), isPolicy: true),
    Case(
      name: "lists", text: statement(#""Effect":"Deny","Action":["a:B","c:*"],"Resource":["acs:oss:*:*:x","*"]"#),
      isPolicy: true),
    Case(
      name: "the opposites", text: statement(#""Effect":"Allow","NotAction":"a:B","NotResource":"*""#), isPolicy: true),
    Case(
      name: "a condition",
      text: statement(
        #""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":["true"]}}"#),
      isPolicy: true),
    Case(name: "escapes", text: statement(#""Effect":"Allow","Action":"\u002a","Resource":"\u002A""#), isPolicy: true),
    Case(
      name: "blanks", text: " \n" + statement(#" "Effect" : "Allow" ,"Action":"*","Resource":"*""#) + "\t\r\n",
      isPolicy: true),
    Case(
      name: "a trust policy",
      text: statement(#""Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1:root"]}"#),
      kind: .trust, isPolicy: true),
    Case(
      name: "a trust policy for a service",
      text: statement(#""Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["ecs.aliyuncs.com"]}"#),
      kind: .trust, isPolicy: true),
    Case(name: "nothing", text: "", isPolicy: false),
    Case(name: "no object", text: "[]", isPolicy: false),
    Case(name: "another version", text: #"{"Version":"2","Statement":[]}"#, isPolicy: false),
    Case(name: "a version as number", text: #"{"Version":1,"Statement":[]}"#, isPolicy: false),
    Case(name: "no version", text: #"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#, isPolicy: false),
    Case(name: "no statement", text: #"{"Version":"1"}"#, isPolicy: false),
    Case(name: "an empty list of statements", text: #"{"Version":"1","Statement":[]}"#, isPolicy: false),
    Case(
      name: "another key",
      text: #"{"Version":"1","Id":"x","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
      isPolicy: false),
    Case(name: "no effect", text: statement(#""Action":"*","Resource":"*""#), isPolicy: false),
    Case(name: "another effect", text: statement(#""Effect":"allow","Action":"*","Resource":"*""#), isPolicy: false),
    Case(name: "no action", text: statement(#""Effect":"Allow","Resource":"*""#), isPolicy: false),
    Case(
      name: "both action and its opposite",
      text: statement(#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*""#), isPolicy: false),
    Case(
      name: "an action without a service", text: statement(#""Effect":"Allow","Action":"Get","Resource":"*""#),
      isPolicy: false),
    Case(
      name: "an empty list of actions", text: statement(#""Effect":"Allow","Action":[],"Resource":"*""#),
      isPolicy: false),
    Case(name: "an action as number", text: statement(#""Effect":"Allow","Action":1,"Resource":"*""#), isPolicy: false),
    Case(name: "no resource", text: statement(#""Effect":"Allow","Action":"*""#), isPolicy: false),
    Case(
      name: "a bare resource", text: statement(#""Effect":"Allow","Action":"*","Resource":"bucket""#), isPolicy: false),
    Case(
      name: "a principal in an identity policy",
      text: statement(#""Effect":"Allow","Action":"*","Resource":"*","Principal":{"RAM":"acs:ram::1:root"}"#),
      isPolicy: false),
    Case(
      name: "a resource in a trust policy",
      text: statement(#""Effect":"Allow","Action":"*","Resource":"*","Principal":{"RAM":"acs:ram::1:root"}"#),
      kind: .trust, isPolicy: false),
    Case(
      name: "a trust policy for nobody", text: statement(#""Effect":"Allow","Action":"*""#), kind: .trust,
      isPolicy: false),
    Case(
      name: "another kind of principal",
      text: statement(#""Effect":"Allow","Action":"*","Principal":{"AWS":"*"}"#), kind: .trust, isPolicy: false),
    Case(
      name: "another operator",
      text: statement(#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"a":"b"}}"#),
      isPolicy: false),
    Case(
      name: "a condition's value as boolean",
      text: statement(#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"acs:MFAPresent":true}}"#),
      isPolicy: false),
    Case(
      name: "a key twice",
      text: #"{"Version":"1","Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
      isPolicy: false),
    Case(
      name: "two keys that only look the same",
      text: statement(
        #""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"\u00e9":"a","e\u0301":"b"}}"#),
      isPolicy: true),
    Case(
      name: "a comma too many", text: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},]}"#,
      isPolicy: false),
    Case(
      name: "something behind it", text: statement(#""Effect":"Allow","Action":"*","Resource":"*""#) + "x",
      isPolicy: false),
    Case(
      name: "a half surrogate", text: statement(#""Effect":"Allow","Action":"a:\ud800","Resource":"*""#),
      isPolicy: false),
    Case(
      name: "a bare control character",
      text: statement("\"Effect\":\"Allow\",\"Action\":\"a:\u{1}\",\"Resource\":\"*\""), isPolicy: false),
    Case(name: "nesting without end", text: String(repeating: "[", count: 100_000), isPolicy: false),
  ])
  func `a policy follows the grammar`(_ row: Case) {
    #expect((Policy(row.text, kind: row.kind) != nil) == row.isPolicy)
  }

  struct Value: Sendable, CustomTestStringConvertible {
    let test: String
    let value: String
    let isRead: Bool

    var testDescription: String { "\(test) '\(value)'" }
  }

  /// A value that can't be parsed would never match, and a Deny that never matches grants what it should forbid.
  @Test(arguments: [
    Value(test: "DateLessThan", value: "2099-08-01T00:00:00+08:00", isRead: true),
    Value(test: "DateGreaterThan", value: "2019-08-12T17:00:00Z", isRead: true),
    Value(test: "DateLessThan", value: "2099-08-01", isRead: false),
    Value(test: "DateLessThan", value: "2099-08-01T00:00:00", isRead: false),
    Value(test: "DateLessThan", value: "2099-02-29T00:00:00+08:00", isRead: false),
    Value(test: "DateLessThan", value: "2099-08-01T00:00:00+24:00", isRead: false),
    Value(test: "DateLessThan", value: "2099-08-01T00:00:00+0800", isRead: false),
    Value(test: "DateLessThan", value: "2099-08-01T00:00:00.Z", isRead: false),
    Value(test: "DateLessThan", value: "2099-08-01T00:00.5Z", isRead: false),
    Value(test: "DateNotEquals", value: "tomorrow", isRead: false),
    Value(test: "DateEquals", value: "", isRead: false),
    Value(test: "NumericLessThan", value: "-1.5e3", isRead: true),
    Value(test: "NumericLessThan", value: "ten", isRead: false),
    Value(test: "NumericEquals", value: "nan", isRead: false),
    Value(test: "NumericEquals", value: "0x10", isRead: false),
    Value(test: "Bool", value: "True", isRead: true),
    Value(test: "Bool", value: "yes", isRead: false),
    Value(test: "IpAddress", value: "2001:db8::/32", isRead: true),
    Value(test: "NotIpAddress", value: "192.0.2.0/33", isRead: false),
    Value(test: "IpAddress", value: "192.0.2.0/+8", isRead: false),
    Value(test: "IpAddress", value: "example.com", isRead: false),
  ])
  func `a condition's value that can't be read refuses the policy`(_ row: Value) {
    for effect in ["Allow", "Deny"] {
      let condition = #""Condition":{"\#(row.test)":{"k":["\#(row.value)"]}}"#
      let text = Self.statement(#""Effect":"\#(effect)","Action":"*","Resource":"*",\#(condition)"#)
      #expect((Policy(text, kind: .identity) != nil) == row.isRead)
    }
  }

  @Test func `a damaged policy is refused or still valid`() {
    let text = Array(Self.statement(#""Effect":"Allow","Action":["a:B"],"Resource":"*""#).utf8)
    for end in text.indices {
      #expect(Policy(String(decoding: text[..<end], as: UTF8.self), kind: .identity) == nil)
    }
  }
}
