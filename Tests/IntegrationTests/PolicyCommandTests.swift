import Laboratory
import TestSupport
import Testing

/// `rolekeeper policy test` and `rolekeeper check --print-policy`, which ask nobody.
@Suite struct PolicyCommandTests {
  private let lab: Lab
  private let policyPath: String

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil))
    policyPath = lab.directory.path("uploader.policy.json")
    try lab.directory.write(
      """
      {"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": ["oss:Put*", "oss:Get*"], "Resource": "acs:oss:*:*:bucket/*"},
        {"Effect": "Deny", "Action": "oss:*", "Resource": "acs:oss:*:*:bucket/kept/*"},
        {"Effect": "Allow", "Action": "oss:ListObjects", "Resource": "*",
         "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}
      ]}
      """, to: "uploader.policy.json")
    for index in lab.draft.roles.indices where lab.draft.roles[index].name == "uploader" {
      lab.draft.roles[index].more = "policy_file = \"uploader.policy.json\"\nexternal_id = \"host-7\""
    }
    try lab.writeSettings()
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let words: String
    let status: Int32
    /// What the output begins with; FILE is the policy's path.
    let says: String
    var more = ""

    var testDescription: String { words }
  }

  private static let limit = "the role's own permissions in RAM aren't known here"

  @Test(arguments: [
    Case(
      words: "uploader oss:PutObject acs:oss:*:*:bucket/a", status: 0,
      says: "allowed: statement 1 at FILE:2 allows it\n",
      more: limit),
    Case(
      words: "uploader OSS:getobject acs:oss:cn-hangzhou:1:bucket/kept/a", status: 1,
      says: "denied: statement 2 at FILE:3 denies it\n"),
    Case(
      words: "uploader oss:DeleteObject acs:oss:*:*:bucket/a", status: 1,
      says: "denied: no statement of FILE allows it\n"),
    Case(
      words: "uploader oss:ListObjects acs:oss:*:*:bucket", status: 1, says: "denied: no statement of FILE allows it\n",
      more: "this is for a request without acs:SourceIp: to ask about one with it, add acs:SourceIp=VALUE\n"),
    Case(
      words: "uploader oss:ListObjects acs:oss:*:*:bucket acs:SourceIp=10.1.2.3", status: 0,
      says: "allowed: statement 3 at FILE:4 allows it\n"),
    Case(
      words: "uploader oss:ListObjects acs:oss:*:*:bucket acs:SourceIP=10.1.2.3", status: 1,
      says: "denied: no statement of FILE allows it\n",
      more: "no condition has the key 'acs:SourceIP'; did you mean 'acs:SourceIp'?\n"),
    Case(
      words: "reports ram:CreateUser *", status: 0,
      says: "allowed: role 'reports' has no policy_file, so its sessions may do whatever the role itself may\n",
      more: limit),
  ])
  func `policy test says which statement decides, and what is left open`(_ row: Case) throws {
    let run = try test(row.words)
    #expect(run.status == row.status && run.errors.isEmpty, "\(run)")
    #expect(run.output.hasPrefix(row.says.replacing("FILE", with: policyPath)), "\(run.output)")
    #expect(row.more.isEmpty || run.output.contains(row.more), "\(run.output)")
  }

  @Test func `a scope is tested by its own policy`() throws {
    try lab.directory.write(
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:bucket/in/*"}]}"#,
      to: "in.json")
    for index in lab.draft.roles.indices where lab.draft.roles[index].name == "uploader" {
      lab.draft.roles[index].more += "\n[roles.uploader.scopes.ingest]\npolicy_file = \"in.json\""
    }
    try lab.writeSettings()
    let allowed = try test("uploader oss:PutObject acs:oss:*:*:bucket/in/a --scope ingest")
    #expect(allowed.status == 0, "\(allowed)")
    #expect(allowed.output.hasPrefix("allowed: statement 1 at \(lab.directory.path("in.json")):1 allows it\n"))
    #expect(try test("uploader oss:PutObject acs:oss:*:*:bucket/a --scope ingest").status == 1)
    let unknown = try test("uploader oss:PutObject * --scope ingst")
    #expect(unknown.status == 2 && unknown.output.isEmpty)
    #expect(
      unknown.errors.contains("there is no scope 'ingst' of role 'uploader'; did you mean 'ingest'?"),
      "\(unknown.errors)")
  }

  @Test func `an unknown role and bad settings are no denial`() throws {
    let unknown = try test("uploadr oss:PutObject *")
    #expect(unknown.status == 2 && unknown.output.isEmpty)
    #expect(unknown.errors.contains("there is no role 'uploadr'; did you mean 'uploader'?"), "\(unknown.errors)")
    try lab.directory.write("{\"Version\": \"1\"}", to: "uploader.policy.json")
    let bad = try test("uploader oss:PutObject *")
    #expect(bad.status == 78 && bad.output.isEmpty && bad.errors.contains("Statement is missing"), "\(bad)")
    // Whether this role has a policy isn't certain then.
    #expect(try test("reports oss:PutObject *").status == 78)
  }

  @Test func `a value that no request has is refused`() throws {
    let run = try test("uploader oss:ListObjects acs:oss:*:*:bucket acs:SourceIp=banana")
    #expect(run.status == 2 && run.output.isEmpty, "\(run)")
    #expect(
      run.errors.contains(
        "'acs:SourceIp' is 'banana', and IpAddress in \(policyPath) needs an address, such as 192.0.2.7"), "\(run)")
  }

  @Test func `an error elsewhere in the settings doesn't keep a policy from being tested`() throws {
    lab.draft.roles[1].arn = "nonsense"
    try lab.writeSettings()
    #expect(try test("uploader oss:PutObject acs:oss:*:*:bucket/a").status == 0)
  }

  @Test func `what can't be evaluated is neither allowed nor denied`() throws {
    try lab.directory.write(
      """
      {"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "oss:*", "Resource": "*", "Condition": {"StringEqualsIfExists": {"k": "v"}}}
      ]}
      """, to: "uploader.policy.json")
    let run = try test("uploader oss:PutObject *")
    #expect(run.status == 1)
    #expect(
      run.output.hasPrefix(
        "not known: statement 2 at \(policyPath):3 has a condition of 'k' by StringEqualsIfExists, which can't be evaluated here\n"
      ), "\(run.output)")
    #expect(try test("uploader vod:GetVideoInfo *").status == 0)
  }

  @Test func `check prints the least policies, one a line, and RAM takes them`() throws {
    let run = try lab.rolekeeper("check", "--config", lab.configPath, "--print-policy")
    #expect(run.status == 0, "\(run)")
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(lines[0].contains("role/reports") && lines[0].contains("role/uploader"))
    #expect(run.errors.split(separator: "\n").count == 3, "each has its heading: \(run.errors)")
    #expect(run.errors.contains("replace <RAM user of source.main> by the name"))
    #expect(lines.contains { $0.contains(#""sts:ExternalId":["host-7"]"#) })
    #expect(try lab.emulator.draws() == 0, "nobody was asked")
  }

  @Test func `two other things than findings can't be printed at once`() throws {
    let run = try lab.rolekeeper("check", "--print-policy", "--print-polkit")
    #expect(run.status == 2 && run.errors.contains("don't go together"), "\(run)")
    let daemon = try ChildProcess.run([Programs.daemon, "--check", "--print-policy", "--print-polkit"])
    #expect(daemon.status == 2 && daemon.errors.contains("'--print-polkit' and '--print-policy' don't go together"))
    #expect(try ChildProcess.run([Programs.daemon, "--print-policy"]).errors.contains("goes with '--check'"))
  }

  private func test(_ words: String) throws -> (status: CInt, output: String, errors: String) {
    try ChildProcess.run(
      [Programs.commandLine, "policy", "test"] + words.split(separator: " ").map(String.init)
        + ["--config", lab.configPath])
  }
}
