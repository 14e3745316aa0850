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
    _ files: [String: FileTraps.File], profile: String? = nil
  ) -> (findings: [Finding], text: String) {
    let findings = FileTraps(home: "/h", profile: profile) { files[$0] }.findings
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
    let chosen = look(configuration(Self.external), profile: "b")
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
}
