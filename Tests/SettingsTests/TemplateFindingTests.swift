import Core
import Settings
import Testing

@Suite struct TemplateFindingTests {
  private static let lines = """
    [[roles.uploader.files]]
    path = "client.ini"
    format = "template"
    template = "client.template"

    """
  private static let path = "/etc/rolekeeper/client.template"

  private func host(_ template: String, mode: UInt32 = 0o644) -> FakeHost {
    var host = FakeHost()
    host.files[Self.path] = FakeHost.File(text: template, mode: mode)
    return host
  }

  @Test func `a file's template is read with the settings, and is part of them`() throws {
    let text = "key = {{access_key_id|ini}}\n"
    let loaded = host(text).load(soundSettings + Self.lines)
    let template = try CredentialTemplate(Array(text.utf8))
    #expect(loaded.settings?.roles[0].outputs.map(\.format) == [.template(template)])
    #expect(loaded.content.files.last?.path == Self.path && loaded.content.files.last?.bytes == Array(text.utf8))
    let again = SettingsLoader(host: FakeHost()).load(FakeHost.path, from: loaded.content)
    #expect(again.settings == loaded.settings)
  }

  @Test func `another template is another output`() throws {
    let old = try #require(host("{{access_key_id}}").load(soundSettings + Self.lines).settings?.roles[0])
    let new = try #require(host("{{expiration}}").load(soundSettings + Self.lines).settings?.roles[0])
    #expect(new.difference(from: old).changed == [.outputs])
    #expect(new.keepsSessions(of: old))
  }

  @Test(arguments: [
    (
      "a\n b {{token}}",
      "/etc/rolekeeper/client.template:2:4: roles.uploader.files.template has a place for 'token', and there is no such field; fields are access_key_id, access_key_secret, security_token, expiration, last_updated"
    ),
    (
      "{{expiration|yaml}}",
      "/etc/rolekeeper/client.template:1:1: roles.uploader.files.template has the escape 'yaml', and there is none of that name; escapes are json, shell, ini; without one the field is written as it is"
    ),
    (
      "\n{{expiration\n}}",
      "/etc/rolekeeper/client.template:2:1: roles.uploader.files.template has '{{', and no '}}' in the same line; write {{FIELD}} or {{FIELD|ESCAPE}}"
    ),
  ])
  func `a wrong template is reported with its own file, line and column`(template: String, finding: String) {
    let loaded = host(template).load(soundSettings + Self.lines)
    #expect(loaded.diagnostics.map(\.description) == [finding] && loaded.settings == nil)
  }

  /// Check was content with a template that was meant to have one brace more.
  @Test(arguments: ["", "key = {access_key_id}\n"])
  func `a template without a place for a field is warned of`(template: String) {
    let loaded = host(template).load(soundSettings + Self.lines)
    #expect(loaded.settings != nil && loaded.diagnostics.count == 1)
    #expect(
      loaded.diagnostics.first?.description.hasSuffix(
        "warning: roles.uploader.files.template names '/etc/rolekeeper/client.template', which has no place for a field, so that the file never has a credential; write places such as {{access_key_id}} there"
      ) == true, "\(loaded.diagnostics)")
  }

  @Test func `a template for two files is read and reported once`() {
    let two = Self.lines + Self.lines.replacing("client.ini", with: "other.ini")
    #expect(host("{{token}}").load(soundSettings + two).diagnostics.count == 1)
  }

  @Test func `a template that others may write to isn't trusted`() {
    let loaded = host("{{expiration}}", mode: 0o666).load(soundSettings + Self.lines)
    #expect(loaded.settings == nil && loaded.diagnostics.map(\.place.file).contains(Self.path))
  }

  @Test func `no output overwrites a template`() {
    let lines = Self.lines.replacing("\"client.ini\"", with: "\"\(Self.path)\"")
    let found = host("{{expiration}}").load(soundSettings + lines).diagnostics.map(\.description)
    #expect(found.contains { $0.contains("which is read as roles.uploader.files.template") }, "\(found)")
  }
}
