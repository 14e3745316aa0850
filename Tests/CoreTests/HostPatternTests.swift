import Testing

@testable import Core

@Suite struct HostPatternTests {
  private static func matches(_ pattern: String, _ names: CertificateNames) throws -> Bool {
    try #require(HostPattern(pattern)).matches(names)
  }

  private static func matches(_ pattern: String, dns name: String) throws -> Bool {
    try matches(pattern, CertificateNames(dns: [name]))
  }

  @Test(arguments: [
    ("web7.prod.example", "web7.prod.example", true), ("web7.prod.example", "WEB7.Prod.Example", true),
    ("WEB7.prod.example", "web7.prod.example", true), ("web7.prod.example", "web77.prod.example", false),
    ("*.prod.example", "web7.prod.example", true), ("*.prod.example", "web7.eu.prod.example", false),
    ("*.prod.example", "prod.example", false), ("*.prod.example", "web7.prod.example.evil", false),
    ("*.prod.example", "evilprod.example", false), ("web*.prod.example", "web.prod.example", true),
    ("web*.prod.example", "web7.prod.example", true), ("web*.prod.example", "web7.eu.prod.example", false),
    ("**.prod.example", "web7.eu.prod.example", true), ("**.prod.example", "prod.example", false),
    ("w*7.*.example", "web7.prod.example", true), ("*", "web7", true), ("*", "web7.example", false),
    ("**", "web7.example", true), ("***", "web7.example", true), ("a*b*c", "a1b2bc", true), ("a*b*c", "a1c2b", false),
  ])
  func `a star of a DNS pattern stays within its label, and two don't`(
    _ given: (pattern: String, name: String, matches: Bool)
  ) throws {
    #expect(try Self.matches(given.pattern, dns: given.name) == given.matches)
  }

  @Test(arguments: [
    ("spiffe://prod.example/web/*", "spiffe://prod.example/web/7", true),
    ("spiffe://prod.example/web/*", "spiffe://prod.example/web/eu/7", false),
    ("spiffe://prod.example/**", "spiffe://prod.example/web/eu/7", true),
    ("spiffe://prod.example/*", "spiffe://prod.example.evil/x", false),
    ("spiffe://prod.example/web", "spiffe://prod.example/WEB", false),
    ("spiffe://prod.example/*/sa", "spiffe://prod.example//sa", true),
  ])
  func `a star of a URI pattern stays within its segment, and case counts`(
    _ given: (pattern: String, name: String, matches: Bool)
  ) throws {
    #expect(try Self.matches(given.pattern, CertificateNames(dns: [], uris: [given.name])) == given.matches)
  }

  @Test func `the common name counts only without DNS names, and neither counts for a pattern of URIs`() throws {
    let both = CertificateNames(dns: ["web7.example"], commonNames: ["db1.example"])
    #expect(try !Self.matches("db1.example", both) && Self.matches("web7.example", both))
    #expect(try Self.matches("db1.example", CertificateNames(dns: [], commonNames: ["DB1.example"])))
    // RFC 6125, 6.4.4: a DNS name that doesn't count is one.
    for name in ["*.example", "db1.example.", "db1\0.example"] {
      let names = CertificateNames(dns: [name], commonNames: ["db1.example"])
      #expect(try names.name == nil && !Self.matches("db1.example", names), "\(name)")
    }
    #expect(try !Self.matches("**", CertificateNames(dns: [], uris: ["spiffe://x/y"])))
    #expect(try !Self.matches("spiffe://x/y", CertificateNames(dns: ["web7.example"], uris: ["spiffe://x/z"])))
  }

  /// All texts of up to so many of these characters.
  private static func texts(of characters: [String], upTo length: Int) -> [String] {
    (0..<length).reduce(into: [""]) { texts, _ in
      texts = Array(Set(texts + texts.flatMap { text in characters.map { text + $0 } }))
    }
  }

  @Test func `the ends of a pattern and of a name decide as a comparison step by step does`() {
    let patterns = Self.texts(of: ["a", "b", ".", "*"], upTo: 4).compactMap { HostPattern($0) }
    let names = Self.texts(of: ["a", "b", "."], upTo: 4)
    var matching = 0
    for pattern in patterns {
      for name in names where pattern.matchesStepwise(name) != pattern.matches(name) {
        Issue.record("\(pattern) and \(name)")
      }
      matching += names.count { pattern.matches($0) }
    }
    #expect(patterns.count > 150 && matching > 1000)
  }

  @Test func `a pattern full of stars is judged like any other`() throws {
    let pattern = String(repeating: "*a", count: 31) + "b"
    #expect(try !Self.matches(pattern, dns: String(repeating: "a", count: 63)))
  }

  @Test(arguments: [
    "", ".", "a..b", ".example", "a b", "a/b", "web7:443", "spiffe://", "*://x/y", "://x", "spiffe:/x", "sp iffe://x/y",
    "spiffe://x/\"", "münchen.example", "a.example.", "https//x",
  ])
  func `what no name can match is no pattern`(_ text: String) { #expect(HostPattern(text) == nil) }

  @Test func `a pattern without a letter is open to hosts by the number of their labels, or to all`() throws {
    #expect(try ["*", "*.*", "**"].allSatisfy { try #require(HostPattern($0)).isOpen })
    #expect(try ["*.example", "spiffe://**"].allSatisfy { try !#require(HostPattern($0)).isOpen })
  }

  @Test func `a host is called by its first DNS name, else its common name, else its first URI`() {
    let all = CertificateNames(
      dns: ["*.prod.example", "web7.Prod.example", "web8.prod.example"], uris: ["spiffe://x/y"],
      commonNames: ["db1.example"])
    #expect(all.name == "web7.prod.example" && all.dns == ["web7.prod.example", "web8.prod.example"])
    #expect(CertificateNames(dns: [], uris: ["spiffe://x/y"], commonNames: ["db1"]).name == "db1")
    #expect(CertificateNames(dns: [], uris: ["nonsense", "spiffe://x/y"], commonNames: ["a b"]).name == "spiffe://x/y")
  }

  @Test(arguments: [
    ["web7.example\0.evil"], ["web7 .example"], [""], ["*.example"], [String(repeating: "a", count: 64)],
    ["web7.example", "web8.example"],
  ])
  func `a common name that could mean several hosts, or none, doesn't count`(_ names: [String]) {
    #expect(CertificateNames(dns: [], commonNames: names).name == nil)
  }

  @Test func `the proxy's user has no rights, whatever it is named in`() {
    let policy = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [33], gids: [5]), proxyUID: 33)
    let proxy = Peer(uid: 33, gid: 5, pid: 1, groups: [7])
    let rule = AccessRule(uids: [33], gids: [5, 7], units: [UnitPattern("*")!])
    #expect(!policy.isAdmin(proxy) && !policy.mayRead(proxy, of: UnitName("a.service"), role: rule))
    #expect(policy.isProxy(proxy) && !policy.isProxy(Peer(uid: 0, gid: 0, pid: 1, groups: [])))
    #expect(!AccessPolicy(ownUID: 990, admins: AccessRule()).isProxy(.unidentified))
  }
}
