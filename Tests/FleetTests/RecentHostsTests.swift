import Core
import TestSupport
import Testing

@testable import Fleet

@Suite struct RecentHostsTests {
  @Test func `a host counts once however often it asks, and ten minutes after that no more`() {
    var hosts = RecentHosts()
    hosts.note(from: nil, to: 16)
    hosts.note(from: nil, to: 16)
    hosts.note(from: 16, to: 20)
    #expect(hosts.count(at: 20) == 2 && hosts.count(at: 26) == 2)
    #expect(hosts.count(at: 27) == 1 && hosts.count(at: 30) == 1 && hosts.count(at: 31) == 0)
    // It comes back after its place was emptied.
    hosts.note(from: 20, to: 45)
    #expect(hosts.count(at: 45) == 1)
    #expect(hosts.count(at: .max) == 0)
  }

  @Test func `the hosts are those of a table, whatever the order of the minutes`() {
    var hosts = RecentHosts()
    var last: [Int: UInt32] = [:]
    var generator = SeededGenerator(seed: 7)
    var now: UInt32 = 3
    for _ in 0..<5000 {
      now += UInt32.random(in: 0...20, using: &generator) == 0 ? UInt32.random(in: 1...25, using: &generator) : 0
      let host = Int.random(in: 0..<40, using: &generator)
      hosts.note(from: last[host], to: now)
      last[host] = now
      #expect(hosts.count(at: now) == last.values.count { now - $0 <= 10 })
    }
  }

  @Test func `after a change of the rules hosts count as before, and as what they are now`() throws {
    var rules: [HostIdentities.Rule] = [(role: RoleName("backup")!, hosts: [HostPattern("*.prod.example")!])]
    let identities = HostIdentities { rules }
    let all = try ["web1.prod.example", "web2.prod.example", "web1.test.example"].map { name in
      Array(HostCertificate.escaped(try HostCertificate.make("/CN=\(name)")).utf8)
    }
    func ask(_ place: Int, at minutes: Int64) throws {
      let escaped = all[place]
      identities.note(try identities.host(of: escaped.span), at: Timestamp(microseconds: minutes * 60_000_000))
    }
    func counts(at minutes: Int64) -> [Int] {
      let found = identities.recentHosts(at: Timestamp(microseconds: minutes * 60_000_000))
      return [found.served, found.refused]
    }
    for place in 0..<3 { try ask(place, at: 20) }
    for place in 0..<2 { try ask(place, at: 20) }
    #expect(counts(at: 20) == [2, 1])
    identities.forget()
    #expect(counts(at: 21) == [2, 1])
    try ask(0, at: 21)
    #expect(counts(at: 21) == [2, 1])
    rules = [(role: RoleName("backup")!, hosts: [HostPattern("*.test.example")!])]
    identities.forget()
    for place in 0..<3 { try ask(place, at: 22) }
    #expect(counts(at: 22) == [1, 2] && counts(at: 33) == [0, 0])
  }
}
