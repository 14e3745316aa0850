import Testing

@testable import Core

@Suite struct UnitNameTests {
  private static func matches(_ pattern: String, _ unit: String) throws -> Bool {
    try #require(UnitPattern(pattern)).matches(#require(UnitName(unit)))
  }

  @Test func `a star stands for any characters, a question mark for one`() throws {
    #expect(try Self.matches("app.service", "app.service") && !Self.matches("app.service", "app2.service"))
    #expect(try Self.matches("encode@*.service", "encode@7.service"))
    #expect(try Self.matches("encode@*.service", "encode@a.service.service"))
    #expect(
      try !Self.matches("encode@*.service", "encode@7.socket") && !Self.matches("encode@*.service", "xencode@7.service")
    )
    #expect(
      try Self.matches("encode@?.service", "encode@7.service") && !Self.matches("encode@?.service", "encode@77.service")
    )
    #expect(try Self.matches("*", "app.mount") && Self.matches("a*b*c.service", "a1b2bc.service"))
    #expect(try Self.matches("**.service", "x.service") && !Self.matches("a*b*c.service", "a1c2b.service"))
    #expect(try Self.matches("in\\x2da.service", "in\\x2da.service"))
  }

  /// A pattern of many stars doesn't take time beyond its length times the name's.
  @Test func `a pattern full of stars is judged like any other`() throws {
    let pattern = String(repeating: "*a", count: 100) + "b.service"
    #expect(try !Self.matches(pattern, String(repeating: "a", count: 240) + ".service"))
  }

  @Test(arguments: [
    ("tmpl@*.service", true), ("tmpl@1.service", true), ("*.service", true), ("*", true), ("t*", true),
    ("*@a?b*.service", true), ("tmpl??.service", true), ("tmpl@*.socket", false), ("tmpl.service", false),
    ("tmp@*.service", false), ("tmplx@*.service", false), ("xtmpl@1.service", false), ("tmpl*.mount", false),
  ])
  func `a pattern can match a template if it matches one of its instances`(_ given: (pattern: String, can: Bool)) throws
  {
    let template = try #require(UnitName("tmpl@.service"))
    #expect(template.instances?.description == "tmpl@*.service")
    #expect(try #require(UnitPattern(given.pattern)).canMatch(template) == given.can)
  }

  @Test func `a unit that is no template is compared as it is`() throws {
    for name in ["tmpl@1.service", "tmpl@.x.service", "tmpl.service", "tmpl@a@.service"] {
      let unit = try #require(UnitName(name))
      #expect(unit.instances == nil, "\(name)")
      #expect(try #require(UnitPattern(name)).canMatch(unit) && !#require(UnitPattern("x.service")).canMatch(unit))
    }
  }

  @Test(arguments: [
    "", "app", "app.timer", ".service", "a b.service", "a/b.service", "a[bc].service", "ä.service", "app.servic?",
    "@x.service", "@*.service", "@.service",
  ])
  func `what no unit that runs programs can be called is no pattern`(_ text: String) {
    #expect(UnitPattern(text) == nil)
  }

  @Test func `the first character that no pattern has is found`() {
    #expect(UnitPattern.foreignCharacter(in: "a*?:-_.@\\x2d.service") == nil)
    #expect(UnitPattern.foreignCharacter(in: "a/b c") == "/" && UnitPattern.foreignCharacter(in: "ä") == "ä")
  }

  @Test func `a unit's name has the form that systemd gives it`() {
    #expect(UnitName("a@b.service")?.description == "a@b.service" && UnitName("x.swap") != nil)
    for wrong in [
      "", "app", "app.timer", ".service", "a*.service", "@x.service", String(repeating: "a", count: 248) + ".service",
    ] {
      #expect(UnitName(wrong) == nil, "\(wrong)")
    }
  }

  @Test func `a process may read by its unit, which is asked for only where the answer depends on it`() throws {
    let policy = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [50]))
    let rule = AccessRule(uids: [1000], units: [try #require(UnitPattern("app@*.service"))])
    var asked = 0
    func may(_ uid: UInt32, _ unit: String?, _ rule: AccessRule = rule) -> Bool {
      func found() -> UnitName? {
        asked += 1
        return unit.flatMap { UnitName($0) }
      }
      return policy.mayRead(Peer(uid: uid, gid: uid, pid: 1, groups: []), of: found(), role: rule)
    }
    #expect(may(1001, "app@1.service") && !may(1001, "app.service") && !may(1001, nil))
    #expect(asked == 3)
    #expect(may(1000, nil) && may(50, nil) && may(0, nil) && may(990, nil) && !may(1001, "app@1.service", AccessRule()))
    #expect(asked == 3)
  }

  @Test func `a rule's units say nothing of a peer's user and groups`() throws {
    let rule = AccessRule(units: [try #require(UnitPattern("app.service"))])
    let (app, other) = (try #require(UnitName("app.service")), try #require(UnitName("other.service")))
    #expect(!rule.isEmpty && rule.admits(app) && !rule.admits(other))
    #expect(!rule.admits(Peer(uid: 0, gid: 0, pid: 1, groups: [])))
    #expect(!AccessRule(uids: [0]).admits(app))
  }
}
