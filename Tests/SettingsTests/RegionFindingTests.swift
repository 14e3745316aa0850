import Core
import Testing

@testable import Settings

/// What `regions` of `[sts]` may look like, and what goes with it.
@Suite struct RegionFindingTests {
  private static func load(_ lines: String, name: String = "media7") -> LoadedSettings {
    var host = FakeHost()
    host.name = name
    return host.load(soundSettings + "[sts]\n\(lines)\n")
  }

  private static func endpoints(_ lines: String, name: String = "media7") throws -> [String] {
    let loaded = load(lines, name: name)
    #expect(loaded.diagnostics.map(\.description) == [])
    return try #require(loaded.settings?.sts.endpoints.map(\.description))
  }

  @Test func `regions are asked in the order that the host's name makes, whatever the list's is`() throws {
    let expected = ["sts.cn-shanghai.aliyuncs.com", "sts.cn-beijing.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"]
    for list in [
      #"["cn-hangzhou", "cn-shanghai", "cn-beijing"]"#, #"["cn-beijing", "cn-hangzhou", "cn-shanghai"]"#,
    ] {
      #expect(try Self.endpoints("regions = \(list)") == expected)
      let sts = try #require(Self.load("regions = \(list)").settings?.sts)
      #expect(sts.endpoint.description == expected[0] && sts.fallbackEndpoints.isEmpty)
    }
    #expect(
      try Self.endpoints(#"regions = ["cn-hangzhou", "cn-shanghai"]"#, name: "web-1").first
        == "sts.cn-hangzhou.aliyuncs.com")
    #expect(
      try Self.endpoints("regions = [\"cn-hangzhou\", \"cn-shanghai\"]\nvpc = true") == [
        "sts-vpc.cn-shanghai.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com",
      ])
  }

  @Test func `without an entry in regions the endpoint is asked`() throws {
    #expect(try Self.endpoints("regions = []\nendpoint = \"sts.example\"") == ["sts.example"])
  }

  @Test(arguments: [
    Finding(
      "an endpoint besides", "[sts]\nendpoint = \"sts.example\"\nregions = [\"cn-hangzhou\"]",
      ":10: sts.endpoint is set besides regions; remove one of the two: regions has endpoints of its own"),
    Finding(
      "fallback endpoints besides", "[sts]\nregions = [\"cn-hangzhou\"]\nfallback_endpoints = [\"sts.example\"]",
      ":11: sts.fallback_endpoints is set besides regions; remove it: when a region fails, the others are asked; or write endpoint in place of regions"
    ),
    Finding(
      "an endpoint as a region", "[sts]\nregions = [\"sts.cn-hangzhou.aliyuncs.com\"]",
      #":10: sts.regions has 'sts.cn-hangzhou.aliyuncs.com', which is no region; write "cn-hangzhou""#),
    Finding(
      "a city", "[sts]\nregions = [\"Hangzhou\"]",
      #":10: sts.regions has 'Hangzhou', which is no region; write "cn-hangzhou""#),
    Finding(
      "an underscore", "[sts]\nregions = [\"cn_hangzhou\"]",
      #":10: sts.regions has 'cn_hangzhou', which is no region; write "cn-hangzhou""#),
    Finding(
      "the end of an endpoint", "[sts]\nregions = [\"cn-hangzhou.aliyuncs.com\"]",
      #":10: sts.regions has 'cn-hangzhou.aliyuncs.com', which is no region; write "cn-hangzhou""#),
    Finding(
      "capitals", "[sts]\nregions = [\"CN-Hangzhou\"]",
      #":10: sts.regions has 'CN-Hangzhou', which is no region; write "cn-hangzhou""#),
    Finding(
      "an address", "[sts]\nregions = [\"127.0.0.1:7000\"]",
      #":10: sts.regions has '127.0.0.1:7000', which is no region; set regions to a list of the name of a region each, or remove the line to use []"#
    ),
    Finding(
      "a region twice", "[sts]\nregions = [\"cn-hangzhou\", \"cn-shanghai\", \"cn-hangzhou\"]",
      ":10: sts.regions has 'cn-hangzhou' twice; remove one of them, or write another region"),
    Finding(
      "a misspelling", "[sts]\nregions = [\"cn-hangzou\"]",
      #":10: warning: sts.regions has 'cn-hangzou', which isn't known here as a region with an STS endpoint of its own; did you mean "cn-hangzhou"?"#
    ),
    Finding(
      "a region that is new", "[sts]\nregions = [\"af-example-9\"]\nvpc = true",
      ":10: warning: sts.regions has 'af-example-9', which isn't known here as a region with an STS endpoint of its own; check that sts-vpc.af-example-9.aliyuncs.com exists, or remove it"
    ),
    Finding(
      "vpc alone", "[sts]\nvpc = true",
      #":10: sts.vpc is set without regions; write regions = ["cn-hangzhou", "cn-shanghai"], or endpoint = "sts-vpc.REGION.aliyuncs.com" and remove this line"#
    ),
    Finding(
      "vpc as a word", "[sts]\nregions = [\"cn-hangzhou\"]\nvpc = \"yes\"",
      ":11: sts.vpc is a string, expected a boolean; write vpc = true or remove the line to use false"),
    Finding(
      "one region", "[sts]\nregions = \"cn-hangzhou\"",
      #":10: sts.regions is a string, expected a list of strings; write regions = ["cn-hangzhou"] or remove the line to use []"#
    ),
  ])
  func `a finding is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  @Test func `a call asks three regions at most, however many there are`() throws {
    func time(_ count: Int) throws -> Duration {
      let list = Region.known.sorted().prefix(count).map { "\"\($0)\"" }.joined(separator: ", ")
      return try #require(Self.load("regions = [\(list)]").settings?.sts.wholeTimeout)
    }
    #expect(
      try time(1) == .seconds(10) && time(2) == .seconds(20) && time(3) == .seconds(30) && time(20) == .seconds(30))
  }

  @Test func `the home region has to carry the roles' calls alone`() {
    let calls = "requests_per_second = 0.1"
    let found = Self.load("\(calls)\nregions = [\"cn-hangzhou\", \"cn-shanghai\"]").diagnostics.map(\.description)
    #expect(found == Self.load(calls).diagnostics.map(\.description))
  }

  struct Move: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let old: String
    let new: String
    var loss: String?
  }

  private static let regions = "regions = [\"cn-hangzhou\", \"cn-shanghai\"]\n"

  @Test(arguments: [
    Move(testDescription: "from an endpoint to regions", old: "endpoint = \"sts.example\"\n", new: regions),
    Move(testDescription: "back", old: regions, new: "endpoint = \"sts.example\"\n"),
    Move(testDescription: "other regions", old: regions, new: "regions = [\"cn-beijing\"]\n"),
    Move(testDescription: "regions that are gone", old: regions, new: "burst = 20\n", loss: "regions"),
    Move(testDescription: "a VPC that is gone", old: "\(regions)vpc = true\n", new: regions, loss: "vpc"),
    Move(
      testDescription: "an endpoint that is gone", old: "endpoint = \"sts.example\"\n", new: "burst = 20\n",
      loss: "endpoint"),
  ])
  func `a change between endpoint and regions is no loss, and the end of either is one`(_ move: Move) throws {
    let (old, new) = (try #require(Self.load(move.old).settings), try #require(Self.load(move.new).settings))
    let losses = new.difference(from: old).losses.map(\.problem)
    #expect(losses.count == (move.loss == nil ? 0 : 1), "\(losses)")
    if let loss = move.loss { #expect(losses.first?.contains(loss) == true, "\(losses)") }
  }

  // MARK: - Fleets

  @Test(arguments: [
    Finding(
      "no host at all", "[sts]\nfleet_size = 0",
      ":10: sts.fleet_size is 0, allowed are 1 to 1000000; write fleet_size = 1 or remove the line"),
    Finding(
      "more hosts than one region serves", "[sts]\nfleet_size = 100000",
      ":10: warning: sts.fleet_size is 100000, and as many hosts with the roles of this one make 111.12 calls per second; STS allows an account 100 in the region, of which at most 70 % should be for refreshes; write 2 regions or more, a longer duration and refresh_after for the roles, or the number of hosts that have such roles"
    ),
    Finding(
      "more hosts than all regions that may be listed serve",
      "refresh_after = \"15min\"\nfloor = \"15min\"\nsurvive_outage = \"5min\"\npool = 4\n[sts]\nfleet_size = 1000000",
      ":14: warning: sts.fleet_size is 1000000, and as many hosts with the roles of this one make 4444.45 calls per second; STS allows an account 100 in the region, of which at most 70 % should be for refreshes; write a longer duration and refresh_after for the roles, or the number of hosts that have such roles: the 32 regions that may be listed aren't enough"
    ),
    Finding("hosts that two regions serve", "[sts]\nregions = [\"cn-hangzhou\", \"cn-shanghai\"]\nfleet_size = 100000"),
    Finding("hosts that one region serves", "[sts]\nfleet_size = 60000"),
  ])
  func `a fleet's hosts together are compared with the account's quota`(_ finding: Finding) { finding.check() }

  @Test func `the size of the fleet is read, and is one if it isn't written`() throws {
    #expect(try #require(Self.load("fleet_size = 1200").settings).sts.fleetSize == 1200)
    #expect(try #require(Self.load("").settings).sts.fleetSize == 1)
  }
}
