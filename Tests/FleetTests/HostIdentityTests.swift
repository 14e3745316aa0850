import Core
import TestSupport
import Testing

@testable import Fleet

/// Certificates are openssl's, encoded as nginx does it.
@Suite struct HostIdentityTests {
  private static let rules: [HostIdentities.Rule] = [
    (role: RoleName("backup")!, hosts: [HostPattern("*.prod.example")!, HostPattern("db1.test.example")!]),
    (
      role: RoleName("uploader")!,
      hosts: [HostPattern("web*.prod.example")!, HostPattern("spiffe://prod.example/web/*")!]
    ),
  ]

  private static func host(_ escaped: String, of identities: HostIdentities) throws -> RemoteHost {
    try identities.host(of: Array(escaped.utf8).span)
  }

  private static func judge(_ pem: String) throws -> RemoteHost {
    try host(HostCertificate.escaped(pem), of: HostIdentities { rules })
  }

  @Test func `a host is found by its names, in the order of its certificate, and has the roles that name it`() throws {
    let host = try Self.judge(
      HostCertificate.make("/CN=other.example", "URI:spiffe://prod.example/x", "DNS:WEB7.prod.example", "IP:10.0.0.1"))
    #expect(host.name == "web7.prod.example" && host.roles.names.map(\.description) == ["backup", "uploader"])
    let other = try Self.judge(HostCertificate.make("/CN=db1.test.example"))
    #expect(other.name == "db1.test.example" && other.roles.names.map(\.description) == ["backup"])
    let workload = try Self.judge(HostCertificate.make("/O=Example", "URI:spiffe://prod.example/web/7"))
    #expect(workload.name == "spiffe://prod.example/web/7" && workload.roles.names.map(\.description) == ["uploader"])
    #expect(try Self.judge(HostCertificate.make("/CN=nobody.example")).roles.names.isEmpty)
  }

  /// A CA that checks names as C strings would issue it to the owner of `.evil.example`.
  @Test func `a name with a zero byte isn't the part before it`() throws {
    let pem = try HostCertificate.make("/O=Example", "DNS:web7.prod.exampleQ.evil.example", "DNS:spare.example")
    let host = try Self.judge(HostCertificate.replacing("exampleQ", by: #"example\x00"#, in: pem))
    #expect(host.name == "spare.example" && host.roles.names.isEmpty)
  }

  @Test func `a wildcard in a certificate is no host's name`() throws {
    let pem = try HostCertificate.make("/CN=*.prod.example", "DNS:*.prod.example")
    #expect(throws: CertificateProblem.noName) { try Self.judge(pem) }
  }

  @Test func `anything but one certificate is refused`() throws {
    let pem = try HostCertificate.make("/CN=web7.prod.example")
    let key = pem.replacing("CERTIFICATE", with: "PRIVATE KEY")
    for text in [
      "", "x", pem + pem, "x\n" + pem, pem + "x", key, String(pem.dropLast(40)), pem.replacing("M", with: "\u{1}"),
    ] {
      #expect(throws: CertificateProblem.notOneCertificate, "\(text)") { try Self.judge(text) }
    }
    for escaped in ["%", "%4", "%zz", String(repeating: "a", count: 16_385)] {
      #expect(throws: CertificateProblem.notOneCertificate) {
        try Self.host(escaped, of: HostIdentities { [] })
      }
    }
    let other = "-----BEGIN CERTIFICATE-----\nTm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    #expect(throws: CertificateProblem.unreadable) { try Self.judge(other) }
    let damaged = try HostCertificate.make("/O=Example", "DNS:web7.prod.example")
    // Another type than that of a DNS name, whose text isn't UTF-8 either.
    let odd = try HostCertificate.replacing(#"web7.prod.example"#, by: #"web7.\xff\xferd.example"#, in: damaged)
    #expect(throws: CertificateProblem.noName) { try Self.judge(odd) }
  }

  @Test func `a certificate is read once, and again after the rules have changed`() throws {
    var calls = 0
    var rules = Self.rules
    let identities = HostIdentities {
      calls += 1
      return rules
    }
    let escaped = HostCertificate.escaped(try HostCertificate.make("/CN=web7.prod.example"))
    let first = try Self.host(escaped, of: identities)
    #expect(try Self.host(escaped, of: identities) === first && calls == 1)
    // The same certificate, encoded in another way, is read again: it is known by its header.
    #expect(try Self.host(escaped.replacing("%0A", with: "%0a"), of: identities).name == first.name)
    #expect(calls == 1 && identities.count == 2)
    rules = []
    identities.forget()
    #expect(!identities.isCurrent(first))
    let second = try Self.host(escaped, of: identities)
    #expect(second.roles.names.isEmpty && calls == 2 && identities.isCurrent(second))
    #expect(second.hash == first.hash)
  }

  private final class Note {}

  @Test func `what is remembered of a host outlives a change of the rules`() throws {
    let identities = HostIdentities { Self.rules }
    let escaped = HostCertificate.escaped(try HostCertificate.make("/CN=web7.prod.example"))
    let first = try Self.host(escaped, of: identities)
    first.note = Note()
    identities.forget()
    let second = try Self.host(escaped, of: identities)
    #expect(second !== first && second.note === first.note && second.note is Note && identities.count == 1)
  }

  /// Each is matched with each pattern of each role, in one turn of the loop.
  @Test func `a certificate with names of many hosts identifies none`() throws {
    func judge(_ count: Int) throws -> String {
      let names = (0..<count).map { "DNS:web\($0).prod.example" }.joined(separator: ",")
      return try Self.judge(HostCertificate.make("/O=Example", names)).name
    }
    #expect(try judge(128) == "web0.prod.example")
    #expect(throws: CertificateProblem.tooManyNames(129)) { try judge(129) }
  }

  /// A host is known by its header: one that is almost the same must not be taken for it.
  @Test func `a header that differs from a known one is judged by itself`() throws {
    let identities = HostIdentities { Self.rules }
    let escaped = HostCertificate.escaped(try HostCertificate.make("/CN=web7.prod.example"))
    let known = try Self.host(escaped, of: identities)
    for other in [String(escaped.dropLast(4)), escaped + "A", "A" + escaped, escaped.replacing("BEGIN", with: "BEGUN")]
    {
      #expect(throws: CertificateProblem.notOneCertificate, "\(other)") { try Self.host(other, of: identities) }
    }
    // What isn't a certificate isn't remembered as one either.
    #expect(throws: CertificateProblem.notOneCertificate) { try Self.host(String(escaped.dropLast(4)), of: identities) }
    #expect(try identities.count == 1 && Self.host(escaped, of: identities) === known)
    let stranger = HostCertificate.escaped(try HostCertificate.make("/CN=web7.test.example"))
    #expect(try Self.host(stranger, of: identities).roles.names.isEmpty)
  }

  @Test func `hosts with the same roles share them, and no more certificates are kept than allowed`() throws {
    let identities = HostIdentities(most: 4) { Self.rules }
    let all = try (0..<6).map { number in
      HostCertificate.escaped(try HostCertificate.make("/CN=web\(number).prod.example"))
    }
    let hosts = try all.map { try Self.host($0, of: identities) }
    #expect(hosts.allSatisfy { $0.roles === hosts[0].roles } && identities.count <= 4)
    // Those that were used last are still there.
    #expect(try Self.host(all[5], of: identities) === hosts[5])
    #expect(try Self.host(all[0], of: identities) !== hosts[0])
  }
}
