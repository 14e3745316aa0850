import CloudAPI
import Core
import Logs
import Refresh
import Settings
import TestSupport
import Testing
import Wire

@testable import STS

/// Which region is asked next, and what is learned of its answers.
@Suite struct RegionTests {
  /// The daemon's own, without a daemon.
  private final class Guide: RegionGuide {
    var rates: RegionalRate
    var now = Timestamp(microseconds: 1_000_000)
    private var chance = SeededGenerator(seed: 5)

    init(_ names: [String]) {
      rates = RegionalRate(rate: 10, burst: 10, regions: names, at: Timestamp(microseconds: 1_000_000))
    }

    func nextRegion(besides asked: [String]) -> String? { rates.next(besides: asked, at: now) }
    func nextRegionForCheck(besides asked: [String]) -> String? { rates.nextWithoutToken(besides: asked, at: now) }
    func regionAnswered(_ region: String, isGranted: Bool) { rates.answered(region, isGranted: isGranted, at: now) }
    func regionFailed(_ region: String, wait: Duration?) { rates.failed(region, wait: wait, at: now, using: &chance) }
    func regionThrottled(_ region: String, wait: Duration?) {
      rates.throttled(region, wait: wait, at: now, using: &chance)
    }
    var regionStates: [RegionalRate.State] { rates.states(at: now) }
  }

  private static let date = UTCTime(seconds: 1_800_000_000)
  private static let throttling = Failure(.throttled(wait: nil), code: "Throttling.User", httpStatus: 400, advice: "")
  private static let unavailable = Failure(.transient, code: "ServiceUnavailable", httpStatus: 503, advice: "")
  private static let denied = Failure(.permanent, code: "NoPermission", httpStatus: 403, advice: "")

  private let recorder = LogRecorder()
  private let health: EndpointHealth
  private let guide: Guide

  init() throws {
    let endpoints = try ["a.example", "b.example", "c.example", "d.example"].map { try #require(Endpoint($0)) }
    health = EndpointHealth(endpoints, areRegions: true, keeping: nil, log: recorder.log)
    guide = Guide(endpoints.map(\.description))
    health.guide = guide
  }

  private func answer(_ place: Int, _ failure: Failure? = nil, isCheck: Bool = false) {
    health.answered(place, date: Self.date, failure: failure, isCheck: isCheck, at: guide.now)
  }

  private var conditions: [RegionStatus.Condition?] { health.statuses.map { $0.region?.condition } }

  @Test func `a call begins at home, and asks two more regions at most`() {
    #expect(health.next(after: []) == 0)
    #expect(health.next(after: [0]) == 1)
    #expect(health.next(after: [0, 1]) == 2)
    #expect(health.next(after: [0, 1, 2]) == nil)
  }

  @Test func `a region that fails or throttles has another one asked, one that refuses for good doesn't`() {
    #expect(health.concernsRegionAlone(Self.throttling) && health.concernsRegionAlone(Self.unavailable))
    #expect(!health.concernsRegionAlone(Self.denied))
    let skew = Failure(.skew, code: "InvalidTimeStamp.Expired", advice: "")
    #expect(!health.concernsRegionAlone(skew))
  }

  /// Endpoints without regions may be ways to one region, whose throttle is that of all of them.
  @Test func `without regions an answer is the answer, and the endpoints are asked in their order`() {
    let plain = EndpointHealth(health.endpoints, keeping: nil, log: recorder.log)
    #expect(!plain.concernsRegionAlone(Self.throttling))
    #expect([[], [0], [0, 1, 2], [0, 1, 2, 3]].map { plain.next(after: $0) } == [0, 1, 3, nil])
    plain.answered(0, date: Self.date, failure: Self.throttling, at: guide.now)
    #expect(plain.statuses[0].throttled == 1 && plain.statuses[0].region == nil)
    #expect(plain.statuses[0].latestFailure == nil)
  }

  @Test func `throttles, failures and answers are those of their region`() {
    answer(0, Self.throttling)
    answer(1, Self.unavailable)
    health.failed(2, code: "Connect")
    answer(3, Self.denied)
    #expect(conditions == [.throttled, .failing, .failing, .working])
    #expect(
      health.statuses.map(\.latestFailure) == ["Throttling.User", "ServiceUnavailable", "Connect", nil])
    #expect(health.statuses.map(\.throttled) == [1, 0, 0, 0] && health.statuses.map(\.answers) == [1, 1, 0, 1])
    answer(1)
    #expect(conditions[1] == .working && health.statuses[1].latestFailure == nil)
  }

  @Test func `a cause that all regions share makes none of them fail`() {
    health.failed(0, code: "ProxyUnreachable", isOfEndpoint: false)
    #expect(conditions[0] == .working && health.statuses[0].latestFailure == "ProxyUnreachable")
  }

  /// STS keeps a count of its own for GetCallerIdentity.
  @Test func `a throttled check takes no rate from AssumeRole`() {
    answer(0, Self.throttling, isCheck: true)
    #expect(conditions[0] == .working && health.statuses[0].throttled == 1)
    #expect(health.next(after: [], isCheck: true) == 0)
  }

  @Test func `that the home region needs help is logged once, and once that it works again`() {
    answer(0, Self.throttling)
    answer(1)
    answer(0)
    answer(2)
    #expect(
      recorder.all == [
        "warning: the home region of STS fails or throttles, and another region answers code=Throttling.User endpoint=b.example reason=a.example Throttling.User"
      ])
    // The rate is back after minutes.
    guide.now = guide.now + .minutes(6)
    answer(0)
    answer(0)
    #expect(recorder.all.dropFirst() == ["notice: the home region of STS works again endpoint=a.example"])
    health.failed(0, code: "ConnectTimeout")
    answer(1)
    #expect(
      recorder.all.last?.contains("code=ConnectTimeout endpoint=b.example reason=a.example ConnectTimeout") == true)
  }

  @Test func `a second region that fails meanwhile is named, too`() {
    health.failed(0, code: "Connect")
    health.failed(2, code: "Timeout")
    answer(1)
    #expect(recorder.all.last?.contains("reason=a.example Connect, c.example Timeout") == true, "\(recorder.all)")
  }

  @Test func `a name that only the regions of after a reload have ends a call of before`() throws {
    guide.rates.setRegions(["x.example", "y.example"], at: guide.now)
    #expect(health.next(after: []) == 0)
    #expect(health.next(after: [0]) == nil)
  }
}
