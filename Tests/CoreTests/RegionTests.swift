import Testing

@testable import Core

@Suite struct RegionTests {
  private static let four = ["cn-hangzhou", "cn-shanghai", "cn-beijing", "ap-southeast-1"].map { Region($0)! }

  private static func order(_ host: String, _ regions: [Region] = four) -> [String] {
    Region.order(regions, of: host).map(\.name)
  }

  @Test func `a region's name has the form of those that the vendor lists`() {
    for name in Region.known { #expect(Region(name)?.name == name) }
    for name in ["eu-north-9", "cn-wuhan-lr", "a-b1"] { #expect(Region(name) != nil, "\(name)") }
    for name in [
      "", "cn", "hangzhou", "cn-", "-cn", "cn--x", "CN-hangzhou", "cn_hangzhou", "cn-hangzhou.", "1-cn", "cn-häng",
      "sts.cn-hangzhou.aliyuncs.com", "cn-hangzhou:443", "cn-" + String(repeating: "x", count: 40),
    ] {
      #expect(Region(name) == nil, "\(name)")
    }
  }

  /// Calculated by another program from the description: an upgrade must not move any host.
  @Test func `the order of a host's regions is the documented one, whatever the settings' order is`() {
    #expect(Self.order("web-1") == ["cn-hangzhou", "ap-southeast-1", "cn-beijing", "cn-shanghai"])
    #expect(Self.order("encoder7.example") == ["cn-shanghai", "cn-hangzhou", "cn-beijing", "ap-southeast-1"])
    #expect(Self.order("web-1", Self.four.reversed()) == Self.order("web-1"))
  }

  @Test func `hosts spread evenly, and a region that is gone moves only its own hosts, to all others`() {
    let hosts = (0..<4000).map { "host-\($0)" }
    var homes: [String: Int] = [:]
    var next: [String: Int] = [:]
    for host in hosts {
      let order = Self.order(host)
      homes[order[0], default: 0] += 1
      let without = Self.order(host, Array(Self.four.dropLast()))
      #expect(without == order.filter { $0 != "ap-southeast-1" })
      if order[0] == "ap-southeast-1" { next[order[1], default: 0] += 1 }
    }
    #expect(homes.count == 4 && homes.values.allSatisfy { (900...1100).contains($0) }, "\(homes)")
    #expect(next.count == 3 && next.values.allSatisfy { (270...400).contains($0) }, "\(next)")
  }
}
