import Core
import Testing

@testable import Simulation

/// A fleet that starts at once, in small.
@Suite struct ColdStartTests {
  private static func start(_ regions: Int, fleetSize: Int? = nil, hosts: Int = 20_000, sample: Int = 400) -> ColdStart
  {
    ColdStart(hosts: hosts, regions: regions, fleetSize: fleetSize, sample: sample, seed: 1)
  }

  @Test(arguments: [1, 3, 10])
  func `every pair has a session in little more than the time that the quota takes`(_ regions: Int) throws {
    let start = Self.start(regions)
    let outcome = start.run()
    let (median, last) = (try #require(outcome.waits[0.5]), try #require(outcome.waits[0.99]))
    #expect(median < start.ideal.inSeconds * 0.75 + 30 && last < start.ideal.inSeconds * 1.6 + 60, "\(outcome)")
    #expect(outcome.waits.unended == 0 && outcome.granted >= start.simulatedPairs)
  }

  @Test func `a fleet that knows its size calls no more often than it has to`() {
    let (known, unknown) = (Self.start(1).run(), Self.start(1, fleetSize: 1).run())
    #expect(known.refused < known.granted, "\(known)")
    #expect(known.refused * 5 < unknown.refused && known.peak * 2 < unknown.peak, "\(known)\n\(unknown)")
  }

  @Test func `roles that readers wait for have their sessions first`() throws {
    let outcome = Self.start(1).run()
    let (awaited, all) = (try #require(outcome.awaited[0.5]), try #require(outcome.waits[0.5]))
    #expect(awaited < all / 2, "\(outcome)")
  }

  @Test func `ten regions take a tenth of the time of one`() throws {
    let (one, ten) = (try #require(Self.start(1).run().waits[0.99]), try #require(Self.start(10).run().waits[0.99]))
    #expect(ten < one / 6, "\(ten) s and \(one) s")
  }

  /// A host that starts alone, while the rest of its fleet has its sessions.
  @Test func `a host of a fleet that starts alone has its sessions in seconds`() throws {
    let outcome = Self.start(1, fleetSize: 100_000, hosts: 1, sample: 1).run()
    let last = try #require(outcome.waits[0.99])
    #expect(outcome.refused == 0 && last < 16, "\(outcome)")
  }
}
