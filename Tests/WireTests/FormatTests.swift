import Core
import Glibc
import JSON
import Secrets
import TestSupport
import Testing
import Wire

/// Each format by the rules of its readers.
@Suite struct FormatTests {
  static let end = "2026-01-02T04:04:05Z"
  static let (id, key, token) = ("STS.Nab_c-1", "wyLTSm/+=9", "CAES+w/x=.y_z-=")

  private func credential(
    id: String = Self.id, key: String = Self.key, token: String = Self.token
  ) throws -> SessionCredential {
    let (end, start) = (UTCTime(Self.end), UTCTime("2026-01-02T03:04:05Z"))
    let credential = SessionCredential(
      accessKeyID: id, accessKeySecret: secret(key), securityToken: secret(token), expiration: try #require(end),
      issued: try #require(start))
    return try #require(credential)
  }

  // MARK: - JSON

  struct Document: CustomTestStringConvertible {
    let format: CredentialFormat
    let members: [String: String]
    var testDescription: String { format.rawValue }
  }

  private static let documents = [
    Document(
      format: .awsProcess,
      members: ["AccessKeyId": id, "SecretAccessKey": key, "SessionToken": token, "Expiration": end]),
    Document(
      format: .awsContainer, members: ["AccessKeyId": id, "SecretAccessKey": key, "Token": token, "Expiration": end]),
    Document(
      format: .odps,
      members: ["accessKeyId": id, "accessKeySecret": key, "securityToken": token, "expiration": end]),
  ]

  @Test(arguments: documents)
  func `a document has exactly its reader's members`(_ expected: Document) throws {
    let text = try credential().rendered(as: expected.format, for: .uploader).text
    #expect(text.hasSuffix("}\n") && text.split(separator: "\n").count == 1)
    var members: [String: String] = [:]
    try JSONDocument(Array(text.utf8).span).root.forEachMember { name, value in
      let name = name.string() ?? ""
      if name != "Version" { members[name] = value.string() }
    }
    #expect(members == expected.members)
  }

  /// botocore refuses any version but the number 1.
  @Test func `the version of a credential process is the number 1`() throws {
    let text = try credential().rendered(as: .awsProcess, for: .uploader).text
    #expect(text.hasPrefix(#"{"Version":1,""#))
  }

  /// botocore keeps a session without one for ever; restic and SDKs run the program for every request.
  @Test(arguments: CredentialFormat.allCases)
  func `no format is without the expiration, in the form that all readers take`(format: CredentialFormat) throws {
    let text = try credential().rendered(as: format, for: .uploader).text
    #expect(text.contains(Self.end) || (format == .aliyunCLI && text.contains(#""sts_expiration":1767326645"#)))
  }

  /// aliyun-python-sdk-core signs with these in place of the token that it was given.
  @Test(arguments: CredentialFormat.allCases)
  func `no format sets a variable of the old SDK`(format: CredentialFormat) throws {
    #expect(try !credential().rendered(as: format, for: .uploader).text.contains("ALIYUN_"))
  }

  // MARK: - Lines

  private static let variables = [
    "ALIBABA_CLOUD_ACCESS_KEY_ID": id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key, "ALIBABA_CLOUD_SECURITY_TOKEN": token,
    "OSS_ACCESS_KEY_ID": id, "OSS_ACCESS_KEY_SECRET": key, "OSS_SESSION_TOKEN": token, "ROLEKEEPER_EXPIRATION": end,
  ]

  @Test func `docker, podman and dotenv take each line of an env-file as it stands`() throws {
    let text = try credential().rendered(as: .envFile, for: .uploader).text
    #expect(text.hasSuffix("\n") && !text.contains("'") && !text.contains("\"") && !text.contains("export"))
    var variables: [String: String] = [:]
    for line in text.split(separator: "\n") {
      // docker/cli, opts/file.go: the name ends at the first `=` and has no blanks; what follows is the value, unchanged.
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      try #require(parts.count == 2 && !parts[0].contains(" "))
      variables[parts[0]] = parts[1]
    }
    #expect(variables == Self.variables)
  }

  @Test(arguments: ["/bin/sh", "/bin/bash", "/usr/bin/zsh"])
  func `a shell reads the same values from an env-file`(shell: String) throws {
    guard access(shell, X_OK) == 0 else { return }
    let directory = try TemporaryDirectory()
    let text = try credential().rendered(as: .envFile, for: .uploader).text
    let file = try directory.write(text, to: "role.env", mode: 0o600)
    let pipe = try #require(popen("\(shell) -c 'set -eua; . \(file); env'", "re"))
    var line = [CChar](repeating: 0, count: 4096)
    var seen: [String: String] = [:]
    while fgets(&line, CInt(line.count), pipe) != nil {
      let read = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let parts = read.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if parts.count == 2, Self.variables.keys.contains(parts[0]) { seen[parts[0]] = parts[1] }
    }
    #expect(pclose(pipe) == 0)
    #expect(seen == Self.variables)
  }

  @Test func `a shared credentials file is a profile of three keys`() throws {
    #expect(
      try credential().rendered(as: .aws, for: .uploader).text == """
        # This session expires at \(Self.end).
        [default]
        aws_access_key_id = \(Self.id)
        aws_secret_access_key = \(Self.key)
        aws_session_token = \(Self.token)

        """)
  }

  @Test func `the configuration of ossutil has the credential in the section of either version`() throws {
    let text = try credential().rendered(as: .ossutil, for: .uploader).text
    var sections: [String: [String: String]] = [:]
    var section = ""
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("[") {
        section = String(line)
        continue
      }
      // alyu/configparser, which ossutil 1 uses: the name ends at the first `=`.
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      sections[section, default: [:]][parts[0]] = parts[1]
    }
    let keys = ["accessKeyID": Self.id, "accessKeySecret": Self.key, "stsToken": Self.token]
    #expect(sections == ["[Credentials]": keys, "[default]": keys])
  }

  // MARK: - aliyun

  private static let profile =
    #"{"name":"uploader","mode":"StsToken","access_key_id":"\#(id)","access_key_secret":"\#(key)","sts_token":"\#(token)","sts_expiration":1767326645"#

  @Test func `a configuration of aliyun has the role's profile, which is the current one`() throws {
    let text = try credential().rendered(as: .aliyunCLI, for: .uploader).text
    #expect(
      text == """
        {
          "current": "uploader",
          "profiles": [
            \(Self.profile),"region_id":"cn-hangzhou","output_format":"json","language":"en"}
          ],
          "meta_path": ""
        }

        """)
    _ = try JSONDocument(Array(text.utf8).span)
  }

  struct Merge: CustomTestStringConvertible {
    let name: String
    let existing: String
    let result: String
    var testDescription: String { name }
  }

  private static let defaults = #","region_id":"cn-hangzhou","output_format":"json","language":"en"}"#
  private static let merges = [
    Merge(
      name: "after other profiles",
      existing:
        #"{"current": "me", "profiles": [ {"name": "me", "mode": "AK", "x": [1, "a b"]} ], "meta_path": "", "new": {"a": 1}}"#,
      result: """
        {
          "current": "me",
          "profiles": [
            {"name":"me","mode":"AK","x":[1,"a b"]},
            \(profile)\(defaults)
          ],
          "meta_path": "",
          "new": {"a":1}
        }

        """),
    Merge(
      name: "in place of its former one",
      existing:
        #"{"profiles":[{"name":"a"},{"region_id":"cn-beijing","name":"uploader","mode":"External","sts_token":"old","process_command":"p","unknown":null},{"name":"z"}],"current":"z"}"#,
      result: """
        {
          "profiles": [
            {"name":"a"},
            \(profile),"region_id":"cn-beijing","process_command":"p","unknown":null,"output_format":"json","language":"en"},
            {"name":"z"}
          ],
          "current": "z"
        }

        """),
    Merge(
      name: "where there are no profiles", existing: #"{"current":"default"}"#,
      result: """
        {
          "current": "default",
          "profiles": [
            \(profile)\(defaults)
          ]
        }

        """),
    Merge(
      name: "in an empty object", existing: "{}",
      result: """
        {
          "profiles": [
            \(profile)\(defaults)
          ]
        }

        """),
    Merge(
      name: "in an empty list", existing: #"{"profiles": []}"#,
      result: """
        {
          "profiles": [
            \(profile)\(defaults)
          ]
        }

        """),
  ]

  @Test(arguments: merges)
  func `an existing configuration keeps its other profiles, its unknown keys and its current profile`(
    _ merge: Merge
  ) throws {
    let text = try credential().aliyunConfiguration(for: .uploader, in: secret(merge.existing)).text
    #expect(text == merge.result)
    _ = try JSONDocument(Array(text.utf8).span)
    let again = try credential().aliyunConfiguration(for: .uploader, in: secret(text)).text
    #expect(again.split(separator: Self.profile).count == 2, "once, however often it is written")
    _ = try JSONDocument(Array(again.utf8).span)
  }

  @Test(arguments: [
    ("", "not valid JSON"), ("{\n\n,}", "in line 3"), ("[]", "no JSON object"),
    (#"{"profiles": {}}"#, "'profiles' is no list"),
    (#"{"profiles": [], "profiles": []}"#, "the key occurs twice"),
  ])
  func `what is no configuration of aliyun isn't changed`(existing: String, reason: String) throws {
    let error = #expect(throws: FormatError.self) {
      _ = try credential().aliyunConfiguration(for: .uploader, in: secret(existing))
    }
    #expect(error.map { "\($0)" }?.contains(reason) == true)
  }

  /// The person's AccessKey was overwritten, and it is shown only once.
  @Test(arguments: [#""mode": "AK", "sts_token": "", "#, #""mode": "RamRoleArn", "#])
  func `a profile with an AccessKey of its own isn't overwritten`(members: String) throws {
    let existing = #"{"profiles": [{"name": "uploader", \#(members)"access_key_secret": "mine"}]}"#
    #expect(throws: FormatError.wouldLoseKey(profile: "uploader")) {
      _ = try credential().aliyunConfiguration(for: .uploader, in: secret(existing))
    }
  }

  // MARK: - Templates

  @Test func `a template gets each field, escaped as it asks`() throws {
    let text = """
      {"id": "{{access_key_id|json}}", "until": "{{expiration}}"}
      SECRET={{access_key_secret|shell}} ISSUED={{ last_updated }}
      token = {{security_token|ini}}

      """
    let template = try CredentialTemplate(Array(text.utf8))
    #expect(
      try credential().rendered(as: .template(template), for: .uploader).text == """
        {"id": "\(Self.id)", "until": "\(Self.end)"}
        SECRET='\(Self.key)' ISSUED=2026-01-02T03:04:05Z
        token = \(Self.token)

        """)
  }

  @Test func `a place without quotes refuses a text that needs some`() throws {
    let template = try CredentialTemplate(Array("{{security_token|ini}}".utf8))
    let error = #expect(throws: FormatError.self) {
      _ = try credential(token: "a;b").rendered(as: .template(template), for: .uploader)
    }
    #expect(error.map { "\($0)" }?.contains("the escape 'ini'") == true)
    let all = "{{security_token}} {{security_token|shell}} {{security_token|json}}"
    let others = try CredentialTemplate(Array(all.utf8))
    let text = try credential(token: "a;b").rendered(as: .template(others), for: .uploader).text
    #expect(text == "a;b 'a;b' a;b")
  }

  /// Readers differ about each of these.
  @Test(
    arguments: [CredentialFormat.envFile, .aws, .ossutil],
    ["a$b", "a;b", "a#b", "a%b", "~a", "a:b", "a&b", "a!b", "a(b", "a*b", "a<b", "a@b", "=ab"])
  func `a format without quotes refuses a text that needs some, and doesn't show it`(
    format: CredentialFormat, text: String
  ) throws {
    let cases = [
      (try credential(id: text), CredentialField.accessKeyID), (try credential(key: text), .accessKeySecret),
      (try credential(token: text), .securityToken),
    ]
    for (credential, field) in cases {
      let error = #expect(throws: FormatError.needsQuotes(field, in: format.phrase)) {
        _ = try credential.rendered(as: format, for: .uploader)
      }
      let message = error.map { "\($0)" } ?? ""
      #expect(message.contains("format '\(format.rawValue)'") && !message.contains(text))
    }
  }
}

extension RoleName {
  static var uploader: RoleName { RoleName("uploader")! }
}
