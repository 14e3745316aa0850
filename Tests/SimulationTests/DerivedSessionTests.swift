import Core
import Testing

/// Sessions of users and of their scopes, with readers and outages of chance.
@Suite struct DerivedSessionTests {
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `through outages users get their own sessions, never an expired one, within the rate`(_ seed: UInt64) throws {
    let traffic = try DerivedTraffic(seed: seed, span: .hours(20))
    traffic.run(for: .hours(20))
    #expect(traffic.faults.isEmpty, "seed \(seed): \(traffic.faults.joined(separator: "; "))")
    // Else nothing was shown.
    #expect(traffic.reads.served > 500 && traffic.reads.unserved > 0, "\(traffic.reads)")
    traffic.sendReadersAway()
    traffic.run(for: .hours(2))
    let calls = traffic.derivedCalls
    #expect(traffic.derivedSessions == 0, "all are idle")
    traffic.run(for: .hours(4))
    #expect(traffic.derivedCalls == calls && traffic.faults.isEmpty, "nobody reads them")
  }

  /// Else nothing was shown of `max_users`.
  @Test func `there are more users than may have a session`() throws {
    var refused = 0
    for seed in 1...3 as ClosedRange<UInt64> {
      let traffic = try DerivedTraffic(seed: seed, span: .hours(20))
      traffic.run(for: .hours(20))
      refused += traffic.reads.full
    }
    #expect(refused > 0)
  }
}
