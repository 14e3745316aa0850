import Testing

@testable import Emulator

/// Regions of STS, which the emulator tells apart by the host that is called.
@Suite struct RegionTests {
  private static func request(to host: String) -> Request {
    Request(method: "POST", target: "/", headers: [.init(name: "Host", value: host)])
  }

  @Test(arguments: [
    ("sts.cn-hangzhou.aliyuncs.com", "cn-hangzhou"), ("sts-vpc.cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
    ("STS.cn-Hangzhou.aliyuncs.com:8443", "cn-hangzhou"), ("sts.aliyuncs.com", "sts.aliyuncs.com"),
    ("127.0.0.1:7000", "127.0.0.1"), ("vod.cn-shanghai.aliyuncs.com", "vod.cn-shanghai.aliyuncs.com"),
    ("sts.cn-hangzhou.example.com", "sts.cn-hangzhou.example.com"),
  ])
  func `a host means a region`(_ host: String, _ region: String) { #expect(Self.request(to: host).region == region) }

  /// A call to a region's host, signed by V1, which covers no host.
  private static func call(
    _ cloud: inout TestCloud, to region: String, _ action: String = "AssumeRole", as key: Key = .keeper
  ) -> TestAnswer {
    cloud.send(action, as: key, shape: .v1Query) { request in
      request.headers = [.init(name: "Host", value: "sts.\(region).aliyuncs.com")]
    }
  }

  @Test func `each region has the account's quota for itself, and its VPC shares it`() throws {
    var cloud = try TestCloud()
    for region in ["cn-hangzhou", "cn-shanghai"] {
      for _ in 0..<100 { #expect(Self.call(&cloud, to: region).status == 200) }
      #expect(Self.call(&cloud, to: region).code == "Throttling.User")
    }
    let inside = cloud.send(shape: .v1Query) { request in
      request.headers = [.init(name: "Host", value: "sts-vpc.cn-hangzhou.aliyuncs.com")]
    }
    #expect(inside.code == "Throttling.User")
    #expect(cloud.send().status == 200, "the central endpoint counts for itself")
    #expect(Self.call(&cloud, to: "cn-hangzhou", as: .other).code == "NoPermission", "another account")
    let counts = cloud.service.callCounts.regionCounts
    #expect(counts[.init(region: "cn-hangzhou", action: "AssumeRole", result: "OK")] == 100)
    #expect(counts[.init(region: "cn-hangzhou", action: "AssumeRole", result: "Throttling.User")] == 2)
  }

  @Test func `one region's quota is set, lowered and given back`() throws {
    var cloud = try TestCloud()
    cloud.service.regionQuotas["cn-hangzhou"] = 3
    let codes = (0..<4).map { _ in Self.call(&cloud, to: "cn-hangzhou").code }
    #expect(codes == ["", "", "", "Throttling.User"])
    #expect(Self.call(&cloud, to: "cn-shanghai").status == 200)
    cloud.service.regionQuotas["cn-hangzhou"] = 0
    #expect(Self.call(&cloud, to: "cn-hangzhou").code == "Throttling.User")
    cloud.service.regionQuotas["cn-hangzhou"] = nil
    for _ in 0..<100 { #expect(Self.call(&cloud, to: "cn-hangzhou").status == 200) }
  }

  @Test func `a fault can be one region's`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil), region: "cn-hangzhou"))
    #expect(Self.call(&cloud, to: "cn-hangzhou").code == "ServiceUnavailable")
    #expect(Self.call(&cloud, to: "cn-shanghai").status == 200)
  }

  @Test func `a fault of a region names no kind that is of connections`() throws {
    let text = "kind=unreachable&region=cn-hangzhou"
    #expect(throws: FaultError.self) { try Fault(try #require(Parameters(decoding: text.utf8))) }
    let refuse = try Fault(try #require(Parameters(decoding: "kind=refuse&region=cn-hangzhou".utf8)))
    #expect(refuse.region == "cn-hangzhou" && refuse.kind == .refuse)
  }

  @Test func `a flood of hosts takes no more memory than many regions, and shares one quota`() {
    var rates = CallRates()
    let now = TestCloud.start
    for number in 0..<10_000 { _ = rates.admit("AssumeRole", of: "1", in: "r\(number)", perSecond: 1, at: now) }
    let first = rates.admit("AssumeRole", of: "1", in: "more", perSecond: 1, at: now)
    let second = rates.admit("AssumeRole", of: "1", in: "still-more", perSecond: 1, at: now)
    #expect(first && !second)
  }
}
