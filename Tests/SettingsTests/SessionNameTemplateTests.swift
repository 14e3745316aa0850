import Core
import Settings
import Testing

@Suite struct SessionNameTemplateTests {
  private let role = RoleName("uploader")!

  @Test(arguments: [
    ("{host}-{role}-{slot}", "media7-uploader-0"),
    ("{host}", "media7"),
    ("ops@{role}.{slot}_", "ops@uploader.0_"),
  ])
  func `placeholders are replaced`(_ text: String, _ name: String) throws {
    #expect(try SessionNameTemplate(text).expand(host: "media7", role: role, slot: "0") == name)
    #expect(try SessionNameTemplate(text).description == text)
  }

  @Test func `characters of a host name that session names don't allow are replaced`() throws {
    #expect(try SessionNameTemplate.standard.expand(host: "büro host", role: role, slot: "1") == "b-ro-host-uploader-1")
  }

  /// FNV-1a's published values: 0x811c9dc5 for nothing, 0xe40c292c for "a".
  @Test func `in a long name, the host is shortened and ends in a hash`() throws {
    let host = String(repeating: "x", count: 50) + ".example.com"
    let name = try SessionNameTemplate.standard.expand(host: host, role: role, slot: "0")
    #expect(name.utf8.count == 64)
    #expect(name.hasPrefix(String(repeating: "x", count: 45)))
    #expect(name.hasSuffix("-uploader-0"))
    let other = try SessionNameTemplate.standard.expand(host: host + ".cn", role: role, slot: "0")
    #expect(other.utf8.count == 64)
    #expect(other != name)
    let again = try SessionNameTemplate.standard.expand(host: host, role: role, slot: "0")
    #expect(again == name)
  }

  @Test func `a name of 64 characters isn't shortened`() throws {
    let host = String(repeating: "h", count: 64)
    #expect(try SessionNameTemplate("{host}").expand(host: host, role: role, slot: "0") == host)
    #expect(
      try SessionNameTemplate("{host}").expand(host: host + "a", role: role, slot: "0").prefix(56) == host.prefix(56))
  }

  @Test func `a name that can't be shortened enough is refused`() throws {
    let template = try SessionNameTemplate("{host}" + String(repeating: "t", count: 57))
    #expect(throws: SessionNameTemplate.Problem.tooLong(65)) {
      try template.expand(host: "a-host-of-some-length", role: role, slot: "0")
    }
    #expect(throws: SessionNameTemplate.Problem.tooShort) {
      try SessionNameTemplate("{slot}").expand(host: "h", role: role, slot: "0")
    }
  }

  @Test(arguments: [
    ("{nobody}", SessionNameTemplate.Problem.unknownPlace("nobody")), ("{role", .unclosedPlace),
    ("a b", .badCharacter(" ")),
    ("role}", .badCharacter("}")), ("a/{role}", .badCharacter("/")), ("١{role}", .badCharacter("١")),
  ])
  func `an invalid template is refused`(_ text: String, _ problem: SessionNameTemplate.Problem) {
    #expect(throws: problem) { try SessionNameTemplate(text) }
  }
}
