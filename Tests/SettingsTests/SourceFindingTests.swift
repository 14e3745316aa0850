import Core
import Settings
import TestSupport
import Testing

/// `[source.NAME]` of every type, and the chains that roles make.
@Suite struct SourceFindingTests {
  /// Roles that sign for one another.
  private static func text(_ sources: String, _ roles: [(name: String, source: String)], floor: String = "20min")
    -> String
  {
    """
    [source.main]
    type = "access-key"
    credential = "access-key"
    \(sources)

    """
      + roles.map {
        """
        [roles.\($0.name)]
        role_arn = "acs:ram::1234567890123456:role/\($0.name)"
        source = "\($0.source)"
        floor = "\(floor)"

        """
      }.joined()
  }

  private func findings(_ text: String) -> [String] { FakeHost().load(text).diagnostics.map(\.sentence) }

  @Test func `a role may be the source of another, to any depth`() throws {
    let text = Self.text(
      """
      [source.base]
      type = "role"
      role = "base"
      [source.middle]
      type = "role"
      role = "middle"
      """, [("leaf", "middle"), ("middle", "base"), ("base", "main")])
    let loaded = FakeHost().load(text)
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.sources.map(\.role) == [nil, RoleName("base"), RoleName("middle")])
  }

  @Test func `a chain that leads back is refused and written out, once`() {
    let text = Self.text(
      """
      [source.a]
      type = "role"
      role = "a"
      [source.b]
      type = "role"
      role = "b"
      [source.c]
      type = "role"
      role = "c"
      """, [("a", "b"), ("b", "c"), ("c", "a")])
    #expect(
      findings(text)
        == [
          "source.a.role is 'a', whose session would be signed by itself: a ← b ← c ← a; give one of these roles another source, such as an AccessKey"
        ].map { "/etc/rolekeeper/rolekeeper.toml:6: \($0)" })
  }

  @Test func `a role that signs for itself is refused`() {
    let text = Self.text("[source.a]\ntype = \"role\"\nrole = \"a\"", [("a", "a")])
    #expect(findings(text).count == 1 && findings(text)[0].contains("a ← a"))
  }

  @Test func `a role that isn't there, keys of another type and a missing one are named with the fix`() {
    func finding(_ source: String) -> [String] { findings(Self.text(source, [("base", "main")])) }
    #expect(
      finding("[source.s]\ntype = \"role\"\nrole = \"bas\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:6: source.s.role is 'bas', and there is no [roles.bas]; write role = \"base\" or remove the line"
        ])
    #expect(
      finding("[source.s]\ntype = \"role\"\nrole = \"base\"\nfile = \"/etc/key\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:7: source.s.file is written, and type is 'role'; remove the line, or write type = \"access-key\""
        ])
    #expect(
      finding("[source.s]\ntype = \"role\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:4: source.s.role is missing, and type is 'role'; set role to the NAME of a [roles.NAME], or remove the line"
        ])
  }

  @Test func `a role that signs for others needs a floor that outlasts a request`() {
    let source = "[source.base]\ntype = \"role\"\nrole = \"base\""
    let roles = [("leaf", "base"), ("base", "main")]
    #expect(
      findings(Self.text(source, roles, floor: "10s"))
        == [
          "/etc/rolekeeper/rolekeeper.toml:6: source.base.role is 'base', whose floor 10s is shorter than a request that it signs may take: 30s; write floor = \"30s\" or more in [roles.base]"
        ])
    #expect(findings(Self.text(source, roles, floor: "30s")) == [])
  }
}
