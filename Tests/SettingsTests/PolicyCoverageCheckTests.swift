import Testing

@testable import Settings

@Suite struct PolicyCoverageCheckTests {
  private static let place = Place(file: FakeHost.path, line: 9, key: "roles.uploader.scopes.ingest.policy_file")

  private static func policy(_ statements: String...) -> String {
    "{\"Version\": \"1\", \"Statement\": [\n\(statements.joined(separator: ",\n"))\n]}"
  }

  private static func allow(_ action: String, _ more: String = "") -> String {
    "{\"Effect\": \"Allow\", \"Action\": \"\(action)\", \"Resource\": \"acs:oss:*:*:b/*\"\(more)}"
  }

  private static func findings(task: String, role: String) -> [String] {
    var host = FakeHost()
    host.files["/etc/rolekeeper/task.json"] = FakeHost.File(text: task)
    host.files["/etc/rolekeeper/role.json"] = FakeHost.File(text: role)
    let context = LoadContext(host: host)
    for path in ["/etc/rolekeeper/role.json", "/etc/rolekeeper/task.json"] {
      _ = context.policies.policy(in: path, namedAt: place)
    }
    context.policies.checkCoverage(
      of: "/etc/rolekeeper/task.json", namedAt: place, by: "/etc/rolekeeper/role.json", account: "1234567890123456")
    return context.findings.diagnostics.map(\.description)
  }

  @Test func `a task's policy within the role's has no finding`() {
    #expect(Self.findings(task: Self.policy(Self.allow("oss:PutObject")), role: Self.policy(Self.allow("oss:*"))) == [])
  }

  @Test func `a statement that gives more than the role's policy is an error with its place and a request`() {
    let role = Self.policy(
      Self.allow("oss:Put*"), #"{"Effect": "Deny", "Action": "oss:PutObjectAcl", "Resource": "*"}"#)
    let task = Self.policy(Self.allow("oss:PutObject"), Self.allow("oss:GetObject"), Self.allow("oss:PutObjectAcl"))
    let key = "roles.uploader.scopes.ingest.policy_file"
    let rest = "; narrow this statement, or widen the role's policy: a task may do no more than the role"
    #expect(
      Self.findings(task: task, role: role) == [
        "/etc/rolekeeper/task.json:3:1: \(key) has a statement that allows oss:GetObject on 'acs:oss:cn-hangzhou:1234567890123456:b/example', which the role's policy '/etc/rolekeeper/role.json' doesn't allow: no statement there allows it\(rest)",
        "/etc/rolekeeper/task.json:4:1: \(key) has a statement that allows oss:PutObjectAcl on 'acs:oss:cn-hangzhou:1234567890123456:b/example', which the role's policy '/etc/rolekeeper/role.json' doesn't allow: statement 2 there denies it\(rest)",
      ])
  }

  @Test func `a statement of which it can't be shown is a warning`() {
    let office = #", "Condition": {"StringEquals": {"acs:k": "a"}}"#
    let found = Self.findings(
      task: Self.policy(Self.allow("oss:PutObject")), role: Self.policy(Self.allow("oss:*", office)))
    #expect(
      found == [
        "/etc/rolekeeper/task.json:2:1: warning: roles.uploader.scopes.ingest.policy_file has a statement that may allow more than the role's policy '/etc/rolekeeper/role.json': statement 1 of the role's policy, which would cover it, has a Condition that this one doesn't have; compare the two, or write this statement with actions, resources and conditions as they are there"
      ])
  }

  @Test func `a statement for every address, where the role's policy names some, is an error`() {
    let office = #", "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}"#
    let found = Self.findings(
      task: Self.policy(Self.allow("oss:PutObject")), role: Self.policy(Self.allow("oss:*", office)))
    #expect(found.count == 1 && !found[0].contains("warning"))
    #expect(
      found[0].contains(
        "allows oss:PutObject on 'acs:oss:cn-hangzhou:1234567890123456:b/example' from 192.0.2.7, which the role's"),
      "\(found)")
  }

  @Test func `a policy with errors isn't compared`() {
    let found = Self.findings(task: Self.policy(Self.allow("ram:*")), role: "{}")
    #expect(found.allSatisfy { $0.contains("role.json") && $0.contains("is not a RAM policy") } && found.count == 2)
  }
}
