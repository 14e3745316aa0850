import Core
package import Logs
package import Refresh
package import Settings
package import Wire

/// Which endpoint of STS a call asks, the outcomes of requests to each, and the log lines on which one answers.
///
/// The endpoints of `endpoint` and `fallback_endpoints` are asked in their order. Of regions, the one that has a token and works, in the
/// host's order (`RegionalRate`).
///
/// A move from the first endpoint to another one and the way back are each logged once. With frequent moves at most four are logged in
/// ten minutes, and the current state when another line is allowed; status and metrics count everything.
package final class EndpointHealth {
  /// The figures of one endpoint since the daemon started.
  struct Record {
    var answers = 0
    /// Requests without an HTTP answer.
    var failures = 0
    /// Answers that the account's quota is used up.
    var throttled = 0
    var lastAnswer: UTCTime?
    /// The code of the latest failure, if no answer has come since; of a region also that of an answer that it fails or throttles.
    var latestFailure: String?
  }

  private static let mostReports = 4
  private static let span = Duration.minutes(10)

  package let endpoints: [Endpoint]
  /// Their names as requests have them.
  let texts: [String]
  /// Whether they are of regions, which have separate quotas and fail each for itself.
  package let areRegions: Bool
  /// Needed with regions.
  package weak var guide: (any RegionGuide)?
  private(set) var records: [Endpoint: Record] = [:]
  private let log: Log
  /// The index in `endpoints` of the one that the log last reported as answering.
  private(set) var reported = 0
  private var reports: [Timestamp] = []

  /// Continues with the records of `old` for the same endpoints.
  package init(_ endpoints: [Endpoint], areRegions: Bool = false, keeping old: EndpointHealth?, log: Log) {
    self.endpoints = endpoints
    self.areRegions = areRegions && endpoints.count > 1
    texts = endpoints.map(\.description)
    self.log = log
    guard let old else { return }
    for endpoint in endpoints { records[endpoint] = old.records[endpoint] }
  }

  // MARK: - Whom to ask

  /// The endpoint for a request after those that its call has asked; nil if there is none, or none that could do better. Of a region
  /// it takes a token, unless the call is one for another API (`isCheck`).
  func next(after asked: [Int], isCheck: Bool = false) -> Int? {
    guard areRegions else { return asked.count < endpoints.count ? asked.count : nil }
    guard asked.count < STSSettings.mostRegionsOfCall else { return nil }
    let names = asked.map { texts[$0] }
    let name = isCheck ? guide?.nextRegionForCheck(besides: names) : guide?.nextRegion(besides: names)
    // Right after a reload, a call of before may get the name of a region that it doesn't know.
    return name.flatMap { texts.firstIndex(of: $0) } ?? (asked.isEmpty ? 0 : nil)
  }

  /// Whether another region may do better after this answer. Of the endpoints without regions, any answer is the answer of all.
  func concernsRegionAlone(_ failure: Failure) -> Bool {
    guard areRegions else { return false }
    return switch failure.kind {
    case .throttled, .transient: true
    case .permanent, .skew, .nonceUsed, .identityLapsed: false
    }
  }

  // MARK: - Outcomes

  /// The endpoint at `place` gave an HTTP answer, whose server time was `date`; `failure` is what it says if it isn't a good one.
  /// With `isCheck` it is that of another API, which is throttled by itself.
  func answered(_ place: Int, date: UTCTime, failure: Failure? = nil, isCheck: Bool = false, at now: Timestamp) {
    var record = records[endpoints[place]] ?? Record()
    record.answers += 1
    record.lastAnswer = date
    var code: String?
    switch failure?.kind {
    case .throttled:
      record.throttled += 1
      if areRegions, !isCheck {
        code = failure?.code
        guide?.regionThrottled(texts[place], wait: failure?.requestedWait)
      }
    case .transient where areRegions:
      code = failure?.code
      guide?.regionFailed(texts[place], wait: failure?.requestedWait)
    default:
      if areRegions { guide?.regionAnswered(texts[place], isGranted: failure == nil && !isCheck) }
    }
    record.latestFailure = code
    records[endpoints[place]] = record
    if code == nil, isNews(place) { report(place, at: now) }
  }

  /// `isOfEndpoint` is false for a cause that all endpoints share.
  func failed(_ place: Int, code: String, isOfEndpoint: Bool = true) {
    records[endpoints[place], default: Record()].failures += 1
    records[endpoints[place]]?.latestFailure = code
    if areRegions, isOfEndpoint { guide?.regionFailed(texts[place], wait: nil) }
  }

  // MARK: - Log

  /// Of regions, only whether the home region has to be helped out is worth a line: which ones help changes often.
  private func isNews(_ place: Int) -> Bool {
    guard areRegions else { return place != reported }
    let isHomeAtWork = guide?.regionStates.first?.condition ?? .working == .working
    return place == 0 ? reported != 0 && isHomeAtWork : reported == 0 && !isHomeAtWork
  }

  private func report(_ place: Int, at now: Timestamp) {
    reports.removeAll { now - $0 > Self.span }
    guard reports.count < Self.mostReports else { return }
    reports.append(now)
    reported = place
    let endpoint = endpoints[place].description
    if place == 0 {
      return log.write(areRegions ? .homeRegionAnswers : .firstEndpointAnswers, [.endpoint(endpoint)])
    }
    let event = areRegions ? LogEvent.otherRegionAnswers : .fallbackEndpointAnswers
    // Another request may have got an answer from the first endpoint meanwhile: then there is nothing to report.
    guard let code = records[endpoints[0]]?.latestFailure else { return log.write(event, [.endpoint(endpoint)]) }
    let others = areRegions ? endpoints.indices.filter { $0 != place } : Array(0..<place)
    let failing = others.compactMap { place in
      records[endpoints[place]]?.latestFailure.map { "\(endpoints[place]) \($0)" }
    }
    log.write(event, [.endpoint(endpoint), .code(code), .reason(failing.joined(separator: ", "))])
  }

  // MARK: - Status

  package var statuses: [EndpointStatus] {
    let states = areRegions ? guide?.regionStates ?? [] : []
    return endpoints.indices.map { place in
      let record = records[endpoints[place]] ?? Record()
      let state = states.first { $0.name == texts[place] }
      return EndpointStatus(
        endpoint: texts[place], answers: Int64(record.answers), failures: Int64(record.failures),
        throttled: Int64(record.throttled), lastAnswerAt: record.lastAnswer, latestFailure: record.latestFailure,
        region: state.map { RegionStatus($0.condition, requestsPerSecond: $0.rate) })
    }
  }
}
