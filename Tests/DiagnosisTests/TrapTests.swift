import Testing

@testable import Diagnosis

@Suite struct TrapTests {
  struct Case {
    let name: String
    let given: [String: String]
    let says: [String]
  }

  @Test(arguments: [
    Case(name: "nothing", given: ["HOME": "/root", "NO_PROXY": "*"], says: ["none that hides"]),
    Case(name: "an empty one", given: ["ALIBABA_CLOUD_ACCESS_KEY_ID": ""], says: ["none that hides"]),
    Case(
      name: "a key", given: ["ALIBABA_CLOUD_ACCESS_KEY_ID": "marked", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "marked"],
      says: ["unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET", "never notice a new credential"]),
    Case(
      name: "two families", given: ["AWS_ACCESS_KEY_ID": "marked", "OSS_SESSION_TOKEN": "marked"],
      says: ["AWS_ACCESS_KEY_ID: programs for S3", "OSS_SESSION_TOKEN: programs for OSS"]),
    Case(
      name: "half of OIDC", given: ["ALIBABA_CLOUD_ROLE_ARN": "marked"], says: ["some without the others"]),
    Case(
      name: "a proxy", given: ["http_proxy": "http://marked@p:1"], says: ["whatever NO_PROXY says", "unset http_proxy"]),
    Case(name: "a proxy for https", given: ["https_proxy": "http://p:1"], says: ["none that hides"]),
    Case(
      name: "a URI", given: ["ALIBABA_CLOUD_CREDENTIALS_URI": "http://localhost:1/marked"],
      says: ["ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", "ecctl"]),
    Case(
      name: "a good URI",
      given: [
        "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:1/marked", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
      ], says: ["none that hides"]),
    Case(name: "no profiles", given: ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true"], says: ["External neither"]),
  ])
  func `variables are warned of by name, and no value is shown`(row: Case) {
    let findings = VariableTraps(row.given).findings
    let text = findings.map(\.lines).joined(separator: "\n")
    for words in row.says { #expect(text.contains(words), "\(row.name): \(text)") }
    #expect(!text.contains("marked"))
    #expect(findings.allSatisfy { $0.verdict == .ok } == (row.says == ["none that hides"]), "\(row.name): \(text)")
  }

  @Test func `what login files set is found with its line, the last one counts`() {
    let files = LoginFiles(home: "/home/app", names: VariableTraps.names) { path in
      switch path {
      case "/etc/environment": "LANG=C\nALIBABA_CLOUD_ACCESS_KEY_ID=\"marked\"\n"
      case "/home/app/.profile": "# export OSS_ACCESS_KEY_ID=x\n  export HTTP_PROXY='http://p:1'\nif a=b; then\n"
      case "/home/app/.bashrc": "export ALIBABA_CLOUD_ACCESS_KEY_ID=marked"
      default: nil
      }
    }
    #expect(Set(files.values.keys) == ["ALIBABA_CLOUD_ACCESS_KEY_ID", "HTTP_PROXY"])
    #expect(files.values["HTTP_PROXY"] == "http://p:1")
    #expect(files.places["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "/home/app/.bashrc line 1")
    let text = VariableTraps(files.values, places: files.places).findings.map(\.lines).joined()
    #expect(text.contains("HTTP_PROXY (/home/app/.profile line 2): ") && !text.contains("marked"), "\(text)")
  }

  private func look(
    _ files: [String: FileTraps.File], variables: [String: String] = [:]
  ) -> (findings: [Finding], text: String) {
    let findings = FileTraps(home: "/h", variables: variables) { files[$0] }.findings
    return (findings, findings.map(\.lines).joined(separator: "\n"))
  }

  private func configuration(_ text: String, isWritable: Bool = false) -> [String: FileTraps.File] {
    ["/h/.aliyun/config.json": FileTraps.File(text: text, isWritable: isWritable)]
  }

  private static let external = #"{"current":"a","profiles":[{"name":"a","mode":"External"},{"name":"b","mode":"AK"}]}"#

  @Test func `a profile of mode External is a trap where SDKs can write the secret back`() {
    #expect(look([:]).findings.map(\.verdict) == [.ok])
    #expect(look(configuration(Self.external)).findings.map(\.verdict) == [.ok])
    let writable = look(configuration(Self.external, isWritable: true))
    #expect(writable.findings.map(\.verdict) == [.warning])
    #expect(writable.text.contains("SDKs write each session's secrets into it"), "\(writable.text)")
  }

  @Test func `a profile with a key of its own is a trap if it is the one in use`() {
    let chosen = look(configuration(Self.external), variables: ["ALIBABA_CLOUD_PROFILE": "b"])
    #expect(chosen.findings.map(\.verdict) == [.warning] && chosen.text.contains("mode AK"), "\(chosen.text)")
    let bare = look(configuration(#"{"profiles":[{"access_key_secret":"marked"}]}"#))
    #expect(bare.findings.map(\.verdict) == [.warning] && !bare.text.contains("marked"), "\(bare.text)")
  }

  @Test(arguments: ["", "[]", "{", #"{"profiles":{}}"#, #"{"profiles":[1,{"name":2}]}"#])
  func `a configuration of another form is a warning, or harmless`(text: String) {
    #expect(look(configuration(text)).findings.allSatisfy { $0.verdict == .ok || $0.verdict == .warning })
  }

  @Test func `an ini file comes before a credentials URI`() {
    let found = look(["/h/.alibabacloud/credentials.ini": FileTraps.File(text: "", isWritable: true)])
    #expect(found.findings.map(\.verdict) == [.warning] && found.text.contains("Python and Java"), "\(found.text)")
  }

  struct FileCase {
    let path: String
    let text: String
    var variables: [String: String] = [:]
    /// Words of the warning; nil for none.
    let says: String?
  }

  /// Each was `none that comes before rolekeeper`.
  @Test(arguments: [
    FileCase(
      path: "/h/.aws/credentials", text: "[default]\naws_access_key_id = marked\naws_secret_access_key=marked\n",
      says: "profile 'default' has an AccessKey"),
    FileCase(
      path: "/h/.aws/credentials", text: "# one session\n[default]\naws_access_key_id = STS.marked\n", says: nil),
    FileCase(path: "/h/.aws/credentials", text: "[other]\naws_access_key_id = marked\n", says: nil),
    FileCase(
      path: "/h/.aws/credentials", text: "[other]\r\nAWS_ACCESS_KEY_ID=marked\r\n",
      variables: ["AWS_PROFILE": "other"], says: "profile 'other'"),
    FileCase(
      path: "/h/.aws/credentials", text: "[default]\naws_access_key_id = marked\n",
      variables: ["AWS_SHARED_CREDENTIALS_FILE": "/dev/null"], says: nil),
    FileCase(
      path: "/h/.aws/config", text: "[default]\ncredential_process = /opt/marked --x\n",
      says: "credential_process of its profile 'default' isn't rolekeeper"),
    FileCase(
      path: "/h/.aws/config",
      text: "[default]\nregion = x\ncredential_process = \"/usr/bin/rolekeeper\" get a --format aws-process\n",
      says: nil),
    FileCase(path: "/h/.aws/config", text: "[profile default]\naws_access_key_id = marked", says: "has an AccessKey"),
    FileCase(
      path: "/h/.aws/config", text: "[profile a]\nrole_arn = marked\n", variables: ["AWS_DEFAULT_PROFILE": "a"],
      says: "profile 'a' assumes a role"),
    FileCase(
      path: "/etc/aws", text: "[default]\naws_access_key_id = x", variables: ["AWS_CONFIG_FILE": "/etc/aws"],
      says: "file '/etc/aws'"),
    FileCase(
      path: "/h/.ossutilconfig", text: "[Credentials]\nlanguage=EN\naccessKeyID=marked\n",
      says: "section 'Credentials' has an AccessKey"),
    FileCase(
      path: "/h/.ossutilconfig", text: "[profile b]\naccess-key-id=marked\n", variables: ["OSSUTIL_PROFILE": "b"],
      says: "section 'profile b' has an AccessKey"),
    FileCase(path: "/h/.ossutilconfig", text: "[Credentials]\naccessKeyID=STS.marked\n", says: nil),
    FileCase(
      path: "/h/.ossutilconfig", text: "[default]\ncredential-process = /opt/marked\n", says: "isn't rolekeeper"),
    FileCase(
      path: "/h/.ossutilconfig", text: "[default]\ncredential-process = /usr/bin/rolekeeper get a\n", says: nil),
    FileCase(path: "/h/.ossutilconfig", text: "accessKeyID=marked\n[\n[default\n=\n", says: nil),
  ])
  func `an AccessKey or another program in a file of S3's or OSS's tools is a trap`(row: FileCase) {
    let found = look([row.path: FileTraps.File(text: row.text, isWritable: true)], variables: row.variables)
    #expect(found.findings.map(\.verdict) == [row.says == nil ? .ok : .warning], "\(row.path): \(found.text)")
    if let words = row.says {
      #expect(found.text.contains(words) && found.text.contains("next: "), "\(found.text)")
    }
    #expect(!found.text.contains("marked"), "\(found.text)")
  }
}
