import Core
import Glibc
import Secrets
import TestSupport
import Testing
import Wire

@Suite struct SessionCredentialTests {
  static let document =
    #"{"Code":"Success","AccessKeyId":"STS.Nabc","AccessKeySecret":"wyLTSm/+=","SecurityToken":"CAES+w$HOME;&=","#
    + #""Expiration":"2026-01-02T04:04:05Z","LastUpdated":"2026-01-02T03:04:05Z","mode":"StsToken","#
    + #""access_key_id":"STS.Nabc","access_key_secret":"wyLTSm/+=","sts_token":"CAES+w$HOME;&=","#
    + #""expiration":"2026-01-02T04:04:05Z"}"# + "\n"

  static let variables = [
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.Nabc",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wyLTSm/+=",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "CAES+w$HOME;&=",
    "OSS_ACCESS_KEY_ID": "STS.Nabc",
    "OSS_ACCESS_KEY_SECRET": "wyLTSm/+=",
    "OSS_SESSION_TOKEN": "CAES+w$HOME;&=",
    "ROLEKEEPER_EXPIRATION": "2026-01-02T04:04:05Z",
  ]

  @Test func `the document has what every reader needs, in one line`() throws {
    #expect(try credential().rendered(as: .json, for: .uploader).text == Self.document)
  }

  @Test func `the document can be read back`() throws {
    let read = try SessionCredential(parsing: Array(Self.document.utf8).span)
    #expect(try read.rendered(as: .json, for: .uploader).text == Self.document)
    #expect(!String(reflecting: read).contains("wyLTSm"))
  }

  @Test func `the document knows where its secrets are`() throws {
    let document = try credential().document()
    let text = Array(document.bytes.text.utf8)
    #expect(String(decoding: text[document.accessKeySecretAt], as: UTF8.self) == "wyLTSm/+=")
    #expect(String(decoding: text[document.securityTokenAt], as: UTF8.self) == "CAES+w$HOME;&=")
    #expect(document.accessKeySecret.text == "wyLTSm/+=" && document.securityToken.text == "CAES+w$HOME;&=")
  }

  struct BadCase: Sendable {
    let text: String
    let error: WireError
  }

  @Test(arguments: [
    BadCase(text: "", error: .notJSON(reason: "the text ends in the middle", offset: 0)),
    BadCase(text: "{}", error: .missing("AccessKeyId")),
    BadCase(text: #"{"AccessKeyId":"a","AccessKeySecret":7}"#, error: .malformed("AccessKeySecret")),
    BadCase(
      text: #"{"AccessKeyId":"a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"soon"}"#,
      error: .malformed("Expiration")),
    BadCase(
      text: #"{"AccessKeyId":"a","AccessKeySecret":"b'$(id)","SecurityToken":"c","Expiration":"2026-01-02T04:04:05Z","#
        + #""LastUpdated":"2026-01-02T03:04:05Z"}"#,
      error: .malformed("AccessKeyId, AccessKeySecret or SecurityToken")),
  ])
  func `another document is refused`(_ row: BadCase) {
    #expect(throws: row.error) { _ = try SessionCredential(parsing: Array(row.text.utf8).span) }
  }

  @Test(arguments: ["", "a b", "a'b", "a\"b", "a,b", "a\\b", "a`b", "a\nb", "a\u{7F}", "é"])
  func `texts that aren't literal in every format are no credential`(_ text: String) {
    let time = UTCTime(seconds: 0)
    for (id, key, token) in [(text, "k", "t"), ("i", text, "t"), ("i", "k", text)] {
      #expect(
        SessionCredential(
          accessKeyID: id, accessKeySecret: secret(key), securityToken: secret(token), expiration: time, issued: time)
          == nil)
    }
  }

  @Test func `the variables are written one per line`() throws {
    #expect(
      try credential().rendered(as: .env, for: .uploader).text == """
        ALIBABA_CLOUD_ACCESS_KEY_ID='STS.Nabc'
        ALIBABA_CLOUD_ACCESS_KEY_SECRET='wyLTSm/+='
        ALIBABA_CLOUD_SECURITY_TOKEN='CAES+w$HOME;&='
        OSS_ACCESS_KEY_ID='STS.Nabc'
        OSS_ACCESS_KEY_SECRET='wyLTSm/+='
        OSS_SESSION_TOKEN='CAES+w$HOME;&='
        ROLEKEEPER_EXPIRATION='2026-01-02T04:04:05Z'
        export ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN \
        OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET OSS_SESSION_TOKEN ROLEKEEPER_EXPIRATION

        """)
  }

  @Test func `a shell's eval gives the variables to the programs it starts`() throws {
    let directory = try TemporaryDirectory()
    let text = try credential().rendered(as: .env, for: .uploader).text
    let file = try directory.write(text, to: "role.env", mode: 0o600)
    let shell = try #require(popen("set -eu; eval \"$(cat '\(file)')\"; env", "re"))
    var line = [CChar](repeating: 0, count: 4096)
    var seen: [String: String] = [:]
    while fgets(&line, CInt(line.count), shell) != nil {
      let read = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let parts = read.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if parts.count == 2, Self.variables.keys.contains(parts[0]) { seen[parts[0]] = parts[1] }
    }
    #expect(pclose(shell) == 0)
    #expect(seen == Self.variables)
  }

  @Test func `systemd reads the same values from the file`() throws {
    let text = try credential().rendered(as: .env, for: .uploader).text
    #expect(try EnvironmentFile.read(text) == Self.variables)
  }

  private func credential() throws -> SessionCredential {
    let (end, start) = (UTCTime("2026-01-02T04:04:05Z"), UTCTime("2026-01-02T03:04:05Z"))
    let credential = SessionCredential(
      accessKeyID: "STS.Nabc", accessKeySecret: secret("wyLTSm/+="), securityToken: secret("CAES+w$HOME;&="),
      expiration: try #require(end), issued: try #require(start))
    return try #require(credential)
  }
}

/// The rules of systemd.exec(5), EnvironmentFile=, as far as they concern such a file: lines that are empty, begin with `;` or `#`,
/// or have no `=` are ignored; text in single quotes is literal.
private enum EnvironmentFile {
  static func read(_ text: String) throws -> [String: String] {
    var variables: [String: String] = [:]
    for line in text.split(separator: "\n") where !"#;".contains(line.first ?? "#") {
      guard let equals = line.firstIndex(of: "=") else { continue }
      let name = String(line[..<equals])
      let value = line[line.index(after: equals)...]
      try #require(
        name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
      try #require(value.count >= 2 && value.first == "'" && value.last == "'")
      try #require(!value.dropFirst().dropLast().contains("'"))
      variables[name] = String(value.dropFirst().dropLast())
    }
    return variables
  }
}
