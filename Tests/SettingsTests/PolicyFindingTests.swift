import Settings
import Testing

@Suite struct PolicyFindingTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let policy: String
    let sentences: [String]

    init(_ name: String, _ policy: String, _ sentences: String...) {
      self.name = name
      self.policy = policy
      self.sentences = sentences
    }

    var testDescription: String { name }
  }

  private static func statement(_ text: String) -> String { "{\"Version\": \"1\", \"Statement\": [\n\(text)\n]}" }

  @Test(arguments: [
    Case(
      "not JSON", "{\n  \"Version\": \"1\",\n}",
      "/etc/rolekeeper/p.json:3:1: roles.uploader.policy_file is not valid JSON: unexpected character; correct the policy file there"
    ),
    Case(
      "a key twice", "{\"Version\": \"1\",\n\"Version\": \"1\"}",
      "/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not valid JSON: the key occurs twice in its object; correct the policy file there"
    ),
    Case(
      "no object", "[]",
      #"/etc/rolekeeper/p.json:1:1: roles.uploader.policy_file is not a RAM policy: it is no object; write {"Version": "1", "Statement": […]}"#
    ),
    Case(
      "nothing in it", "{}",
      #"/etc/rolekeeper/p.json:1:1: roles.uploader.policy_file is not a RAM policy: Version is missing; write "Version": "1""#,
      #"/etc/rolekeeper/p.json:1:1: roles.uploader.policy_file is not a RAM policy: Statement is missing; write "Statement": […]"#
    ),
    Case(
      "a number for the version, no statement", "{\"Version\": 1,\n\"Statement\": []}",
      #"/etc/rolekeeper/p.json:1:13: roles.uploader.policy_file is not a RAM policy: Version is not "1"; write "Version": "1""#,
      #"/etc/rolekeeper/p.json:2:14: roles.uploader.policy_file is not a RAM policy: Statement is no list with at least one statement; write "Statement": [{…}]"#
    ),
    Case(
      "an unknown member", "{\"Version\": \"1\", \"Statment\": []}",
      #"/etc/rolekeeper/p.json:1:1: roles.uploader.policy_file is not a RAM policy: Statement is missing; write "Statement": […]"#,
      #"/etc/rolekeeper/p.json:1:18: warning: roles.uploader.policy_file may be refused by RAM: a policy has 'Statment', which isn't known here; did you mean Statement?"#
    ),
    Case(
      "effect", statement(#"{"Effect": "allow", "Action": "oss:*", "Resource": "*"}"#),
      #"/etc/rolekeeper/p.json:2:12: roles.uploader.policy_file is not a RAM policy: Effect is neither "Allow" nor "Deny"; write one of them, in this spelling"#
    ),
    Case(
      "a statement without anything", statement("{}"),
      #"/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not a RAM policy: Effect is missing; write "Effect": "Allow" or "Deny""#,
      "/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not a RAM policy: Action is missing; write one of Action and NotAction",
      "/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not a RAM policy: Resource is missing; write one of Resource and NotResource"
    ),
    Case(
      "no statement at all", statement("1"),
      #"/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not a RAM policy: a statement is no object; write {"Effect": …, "Action": …, "Resource": …}"#
    ),
    Case(
      "both", statement(#"{"Effect": "Deny", "Action": "a:b", "NotAction": "a:c", "Resource": "*"}"#),
      "/etc/rolekeeper/p.json:2:1: roles.uploader.policy_file is not a RAM policy: Action and NotAction stand side by side; write one of Action and NotAction"
    ),
    Case(
      "actions", statement(#"{"Effect": "Deny", "Action": ["PutObject", 1], "Resource": []}"#),
      "/etc/rolekeeper/p.json:2:31: warning: roles.uploader.policy_file may be refused by RAM: Action has 'PutObject', an unusual form; write SERVICE:OPERATION, as oss:PutObject, or *",
      "/etc/rolekeeper/p.json:2:44: roles.uploader.policy_file is not a RAM policy: Action has a value that is no string; write SERVICE:OPERATION, as oss:PutObject, or *",
      "/etc/rolekeeper/p.json:2:60: roles.uploader.policy_file is not a RAM policy: Resource is an empty list; write acs:SERVICE:REGION:ACCOUNT:NAME, as acs:oss:*:*:bucket/*, or *"
    ),
    Case(
      "resource", statement(#"{"Effect": "Deny", "Action": "a:b", "Resource": "arn:aws:s3:::x"}"#),
      "/etc/rolekeeper/p.json:2:49: warning: roles.uploader.policy_file may be refused by RAM: Resource has 'arn:aws:s3:::x', an unusual form; write acs:SERVICE:REGION:ACCOUNT:NAME, as acs:oss:*:*:bucket/*, or *"
    ),
    Case(
      "principal", statement(#"{"Effect": "Allow", "Principal": {"RAM": "*"}, "Action": "*", "Resource": "*"}"#),
      "/etc/rolekeeper/p.json:2:34: warning: roles.uploader.policy_file may be refused by RAM: a session policy usually has no Principal; remove it if it was copied from the role's trust policy"
    ),
    Case(
      "condition",
      statement(
        #"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLikes": {"a": "b"}, "Bool": {"c": true}}}"#
      ),
      "/etc/rolekeeper/p.json:2:67: warning: roles.uploader.policy_file may be refused by RAM: Condition has the operator 'StringLikes', which isn't known here; did you mean StringLike?",
      "/etc/rolekeeper/p.json:2:108: warning: roles.uploader.policy_file may be refused by RAM: 'c' has a value that is no string; write it in quotes; numbers and true, false too"
    ),
  ])
  func `an invalid RAM policy is reported with its own file, line and column`(_ policy: Case) {
    let loaded = load(policy.policy)
    #expect(loaded.diagnostics.map(\.description) == policy.sentences)
    #expect((loaded.settings == nil) == policy.sentences.contains { !$0.contains(": warning: ") })
  }

  /// RAM's grammar may be extended: unknown elements are sent as they are, and RAM decides.
  @Test(arguments: [
    (
      #""Sid": "upload", "Effect": "Allow""#,
      "p.json:2:2: warning: roles.uploader.policy_file may be refused by RAM: a statement has 'Sid'"
    ),
    (
      #""Effect": "Deny", "Condition": {"StringEqualsIfExists": {"acs:NewKey": "x"}}"#,
      "p.json:2:34: warning: roles.uploader.policy_file may be refused by RAM: Condition has the operator 'StringEqualsIfExists'"
    ),
    (
      #""Effect": "Deny", "Condition": {"Bool": {"acs:MFAPresent": true}}"#,
      "p.json:2:61: warning: roles.uploader.policy_file may be refused by RAM: 'acs:MFAPresent' has a value that is no string"
    ),
  ])
  func `an unknown element of a policy is a warning, and the policy is sent as it is`(
    _ members: String, _ warning: String
  ) throws {
    let text = Self.statement("{\(members), \"Action\": \"*\", \"Resource\": \"*\"}")
    let loaded = load(text)
    #expect(loaded.diagnostics.count == 1)
    #expect(loaded.diagnostics[0].description.contains(warning), "\(loaded.diagnostics[0])")
    let sent = try #require(loaded.settings?.roles[0].policy)
    #expect(String(decoding: sent, as: UTF8.self) == text.filter { !$0.isWhitespace })
  }

  @Test func `a valid policy is sent without blanks`() throws {
    let policy = """
      {
        "Version": "1",
        "Statement": [
          {"Effect": "Allow", "NotAction": ["oss:Delete*"], "Resource": ["acs:oss:*:*:a b/*"],
           "Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}, "Bool": {"acs:SecureTransport": "true"}}}
        ]
      }
      """
    let settings = try #require(load(policy).settings)
    let expected =
      #"{"Version":"1","Statement":[{"Effect":"Allow","NotAction":["oss:Delete*"],"Resource":["acs:oss:*:*:a b/*"],"#
      + #""Condition":{"IpAddress":{"acs:SourceIp":["10.0.0.0/8","192.168.0.0/16"]},"Bool":{"acs:SecureTransport":"true"}}}]}"#
    #expect(settings.roles[0].policy.map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  /// STS refuses 2048 bytes, and counts what is sent.
  @Test func `the size limit applies without blanks`() {
    let blanks = String(repeating: " ", count: 3000)
    let frame = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"a:","Resource":"*"}]}"#
    func policy(_ bytes: Int) -> String {
      frame.replacing("a:", with: "a:" + String(repeating: "b", count: bytes - frame.utf8.count)).replacing(
        "[", with: "[" + blanks)
    }
    #expect(load(policy(2047)).settings?.roles[0].policy?.count == 2047)
    #expect(
      load(policy(2048)).diagnostics.map(\.description) == [
        "/etc/rolekeeper/rolekeeper.toml:9: roles.uploader.policy_file names '/etc/rolekeeper/p.json', which has 2048 bytes without its blanks, allowed are 2047; shorten it, or give the role itself fewer permissions"
      ])
  }

  @Test func `a missing file is reported at the setting that names it`() {
    let loaded = FakeHost().load(soundSettings + "policy_file = \"missing.json\"\n")
    #expect(
      loaded.diagnostics.map(\.description) == [
        "/etc/rolekeeper/rolekeeper.toml:9: roles.uploader.policy_file names '/etc/rolekeeper/missing.json', which can't be read: there is no such file; correct the path"
      ])
  }

  private func load(_ policy: String) -> LoadedSettings {
    var host = FakeHost()
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: policy)
    return host.load(soundSettings + "policy_file = \"p.json\"\n")
  }
}
