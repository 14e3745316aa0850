import TestSupport
import Testing

@testable import Policies

@Suite struct PolicyCoverageTests {
  enum Expectation: Sendable {
    case covered
    case notCovered(action: String, resource: String, deny: Int?)
    case unknown(String)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let task: [String]
    let role: [String]
    let expect: Expectation

    var testDescription: String { name }
  }

  private static func allow(_ action: String, _ resource: String = "*", when condition: String? = nil) -> String {
    PolicyDraft.allow(action, resource, when: condition)
  }

  private static func deny(_ action: String, _ resource: String = "*", when condition: String? = nil) -> String {
    PolicyDraft.deny(action, resource, when: condition)
  }

  private static let account = "1234567890123456"
  private static let office = #""IpAddress":{"acs:SourceIp":"10.0.0.0/8"}"#
  private static let noAllow = "no statement of the role's policy surely allows all of it"

  static let cases = [
    Case(name: "everything covers", task: [allow("oss:Get*")], role: [allow("*")], expect: .covered),
    Case(
      name: "a part of the objects", task: [allow("oss:PutObject", "acs:oss:*:*:b/dir/*")],
      role: [allow("oss:*", "acs:oss:*:*:b/*")], expect: .covered),
    Case(name: "the action in other case", task: [allow("OSS:getObject")], role: [allow("oss:Get*")], expect: .covered),
    Case(
      name: "another action", task: [allow("oss:DeleteObject", "acs:oss:*:*:b/*")], role: [allow("oss:Put*")],
      expect: .notCovered(
        action: "oss:DeleteObject", resource: "acs:oss:cn-hangzhou:\(account):b/example", deny: nil)),
    Case(
      name: "more actions", task: [allow("oss:*")], role: [allow("oss:Get*"), allow("oss:List*")],
      expect: .notCovered(
        action: "oss:PutObject", resource: "acs:oss:cn-hangzhou:\(account):example", deny: nil)),
    Case(
      name: "more resources", task: [allow("oss:PutObject")], role: [allow("oss:PutObject", "acs:oss:*:*:b/*")],
      expect: .notCovered(
        action: "oss:PutObject", resource: "acs:oss:cn-hangzhou:\(account):example", deny: nil)),
    Case(
      name: "a name that the role's pattern nearly matches", task: [allow("oss:PutObject", "acs:oss:*:*:b*")],
      role: [allow("oss:PutObject", "acs:oss:*:*:bexample*")],
      expect: .notCovered(action: "oss:PutObject", resource: "acs:oss:cn-hangzhou:\(account):bz", deny: nil)),
    Case(
      name: "a Deny of the role", task: [allow("oss:*", "acs:oss:*:*:b/*")],
      role: [allow("oss:*"), deny("oss:Delete*", "acs:oss:*:*:b/kept/*")],
      expect: .notCovered(
        action: "oss:DeleteObject", resource: "acs:oss:cn-hangzhou:\(account):b/kept/example", deny: 2)),
    Case(
      name: "a Deny of the role that the task has as well", task: [allow("oss:*"), deny("oss:Delete*")],
      role: [allow("oss:*"), deny("oss:DeleteBucket")], expect: .covered),
    Case(
      name: "a Deny of something else", task: [allow("oss:Get*")], role: [allow("*"), deny("oss:Put*")],
      expect: .covered),
    Case(
      name: "a Deny with a condition", task: [allow("oss:Get*")], role: [allow("*"), deny("oss:*", when: office)],
      expect: .unknown("statement 2 of the role's policy may deny a part of it")),
    Case(
      name: "a condition that only the role has", task: [allow("oss:Get*")],
      role: [allow("oss:*", when: #""StringEquals":{"k":"a"}"#)],
      expect: .unknown(
        "statement 1 of the role's policy, which would cover it, has a Condition that this one doesn't have")),
    Case(
      name: "an address that only the role names", task: [allow("oss:GetObject")], role: [allow("oss:*", when: office)],
      expect: .notCovered(action: "oss:GetObject", resource: "acs:oss:cn-hangzhou:\(account):example", deny: nil)),
    Case(
      name: "an address that the role names in one of two statements", task: [allow("oss:GetObject")],
      role: [allow("oss:*", when: office), allow("*", when: #""StringEquals":{"k":"a"}"#)],
      expect: .unknown(
        "statement 1 of the role's policy, which would cover it, has a Condition that this one doesn't have")),
    Case(
      name: "another condition about the address", task: [allow("oss:GetObject", when: office)],
      role: [allow("oss:*", when: #""IpAddress":{"acs:SourceIp":"10.0.0.0/7"}"#)],
      expect: .unknown(
        "statement 1 of the role's policy, which would cover it, has a Condition that this one doesn't have")),
    Case(
      name: "a condition that both have", task: [allow("oss:Get*", when: office)], role: [allow("oss:*", when: office)],
      expect: .covered),
    Case(
      name: "a stricter condition", task: [allow("*", when: #""StringEquals":{"k":"a"}"#)],
      role: [allow("*", when: #""StringEquals":{"k":["a","b"]}"#)], expect: .covered),
    Case(
      name: "a laxer condition", task: [allow("*", when: #""StringNotEquals":{"k":"a"}"#)],
      role: [allow("*", when: #""StringNotEquals":{"k":["a","b"]}"#)],
      expect: .unknown(
        "statement 1 of the role's policy, which would cover it, has a Condition that this one doesn't have")),
    Case(
      name: "a condition doesn't help", task: [allow("vod:GetVideoInfo", when: office)], role: [allow("oss:*")],
      expect: .notCovered(
        action: "vod:GetVideoInfo", resource: "acs:vod:cn-hangzhou:\(account):example", deny: nil)),
    Case(
      name: "the role names its account", task: [allow("oss:Get*", "acs:oss:*:*:b/*")],
      role: [allow("oss:Get*", "acs:oss:*:\(account):b/*")], expect: .unknown(noAllow)),
    Case(
      name: "another account", task: [allow("oss:Get*", "acs:oss:*:1:b/*")],
      role: [allow("oss:Get*", "acs:oss:*:2:b/*")],
      expect: .notCovered(action: "oss:GetObject", resource: "acs:oss:cn-hangzhou:1:b/example", deny: nil)),
    Case(
      name: "case of the resource", task: [allow("oss:GetObject", "acs:oss:*:*:B/x")],
      role: [allow("oss:Get*", "acs:oss:*:*:b/*")], expect: .unknown(noAllow)),
    Case(
      name: "a question mark, which may be a wildcard", task: [allow("oss:GetObject", "acs:oss:*:*:b/x")],
      role: [allow("oss:Get*", "acs:oss:*:*:b/?")], expect: .unknown(noAllow)),
    Case(
      name: "all but what the role excludes, too",
      task: [#"{"Effect":"Allow","NotAction":["ram:*","sts:*"],"Resource":"*"}"#],
      role: [#"{"Effect":"Allow","NotAction":"ram:*","Resource":"*"}"#], expect: .covered),
    Case(
      name: "all but something else", task: [#"{"Effect":"Allow","NotAction":"sts:*","Resource":"*"}"#],
      role: [#"{"Effect":"Allow","NotAction":"ram:*","Resource":"*"}"#],
      expect: .notCovered(
        action: "ram:CreateUser", resource: "acs:ram:cn-hangzhou:\(account):example", deny: nil)),
    Case(
      name: "an unknown member", task: [#"{"Effect":"Allow","Action":"*","Resource":"*","Sign":"x"}"#],
      role: [allow("oss:*")], expect: .unknown("it has 'Sign', which isn't known here")),
  ]

  @Test(arguments: cases)
  func `a statement is covered, shown not to be, or neither`(_ row: Case) throws {
    let coverage = PolicyCoverage.of(try policy(row.task), by: try policy(row.role), account: Self.account)
    let verdict = try #require(coverage.first?.verdict)
    switch row.expect {
    case .covered: #expect(verdict == .covered)
    case .notCovered(let action, let resource, let deny):
      guard case .notCovered(let request, let number) = verdict else {
        Issue.record("\(verdict)")
        return
      }
      #expect((request.action, request.resource) == (action, resource) && number == deny)
    case .unknown(let reason): #expect(verdict == .unknown(reason))
    }
  }

  @Test func `each Allow of the task has its own verdict, and no Deny has one`() throws {
    let task = try policy([Self.allow("oss:GetObject"), Self.deny("*"), Self.allow("ram:*")])
    let coverage = PolicyCoverage.of(task, by: try policy([Self.allow("oss:*")]), account: Self.account)
    #expect(coverage.map(\.statement.number) == [1, 3])
    #expect(coverage[0].verdict == .covered)
    // Its own Deny leaves nothing that could be shown.
    #expect(coverage[1].verdict == .unknown(Self.noAllow))
  }

  @Test(arguments: 0..<4 as Range<UInt64>)
  func `what is covered is never denied, and what isn't is denied`(seed: UInt64) throws {
    var random = RandomPolicies(seed: 100 + seed)
    var (covered, shown) = (0, 0)
    for _ in 0..<300 {
      let (taskText, roleText) = (random.policy(), random.policy())
      let (task, role) = (try policy(text: taskText), try policy(text: roleText))
      let requests = (0..<60).map { _ in
        PolicyRequest(
          action: random.concreteAction(), resource: random.concreteResource(), context: random.context())
      }
      for coverage in PolicyCoverage.of(task, by: role, account: "1") {
        switch coverage.verdict {
        case .unknown: break
        case .notCovered(let request, let deny):
          shown += 1
          #expect(task.decision(on: request).outcome == .allowed, "\(taskText) \(roleText) \(request)")
          #expect(role.decision(on: request).outcome == .denied, "\(taskText) \(roleText) \(request)")
          #expect(deny == nil || role.statements.contains { $0.number == deny && $0.effect == .deny })
        case .covered:
          for request in requests where task.decision(on: request).outcome == .allowed {
            guard coverage.statement.applies(to: request) == true else { continue }
            covered += 1
            #expect(role.decision(on: request).outcome == .allowed, "\(taskText) \(roleText) \(request)")
          }
        }
      }
    }
    #expect(covered > 100 && shown > 50, "\(covered) requests of covered statements, \(shown) statements not covered")
  }

  private func policy(_ statements: [String]) throws -> Policy {
    try policy(text: PolicyDraft.policy(statements))
  }

  private func policy(text: String) throws -> Policy {
    try #require(PolicyDraft.read(text), "\(text)")
  }
}
