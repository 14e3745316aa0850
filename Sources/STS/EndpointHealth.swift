import Core
package import Logs
package import Settings
package import Wire

/// What became of the requests to each endpoint of STS, and the log's word of which one answers.
///
/// A move from the first endpoint and the way back are each logged once. Where it goes to and fro it is logged four times in ten
/// minutes at most, and the rest when it is next allowed; status and metrics count everything.
package final class EndpointHealth {
  /// The figures of one endpoint since the daemon started.
  struct Record {
    var answers = 0
    /// Requests without an HTTP answer.
    var misses = 0
    var lastAnswer: UTCTime?
    /// The code of the latest miss, while no answer has come since.
    var missing: String?

    fileprivate mutating func answered(at date: UTCTime) {
      answers += 1
      lastAnswer = date
      missing = nil
    }
  }

  private static let mostReports = 4
  private static let span = Duration.minutes(10)

  package let endpoints: [Endpoint]
  /// As requests name them.
  let texts: [String]
  private(set) var records: [Endpoint: Record] = [:]
  private let log: Log
  /// The place in `endpoints` of the one that the log said answers.
  private(set) var reported = 0
  private var reports: [Timestamp] = []

  /// Goes on with what `old` knows of the same endpoints.
  package init(_ endpoints: [Endpoint], keeping old: EndpointHealth?, log: Log) {
    self.endpoints = endpoints
    texts = endpoints.map(\.description)
    self.log = log
    guard let old else { return }
    for endpoint in endpoints { records[endpoint] = old.records[endpoint] }
  }

  /// The endpoint at `place` gave an HTTP answer, by the server's time `date`.
  func answered(_ place: Int, date: UTCTime, at now: Timestamp) {
    records[endpoints[place], default: Record()].answered(at: date)
    guard place != reported else { return }
    reports.removeAll { now - $0 > Self.span }
    guard reports.count < Self.mostReports else { return }
    reports.append(now)
    reported = place
    report(place)
  }

  func missed(_ place: Int, code: String) {
    records[endpoints[place], default: Record()].misses += 1
    records[endpoints[place]]?.missing = code
  }

  private func report(_ place: Int) {
    let endpoint = endpoints[place].description
    if place == 0 { return log.write(.firstEndpointAnswers, [.endpoint(endpoint)]) }
    let event = LogEvent.fallbackEndpointAnswers
    // Another request may have had an answer from the first meanwhile: then there is nothing to say of it.
    guard let code = records[endpoints[0]]?.missing else { return log.write(event, [.endpoint(endpoint)]) }
    let failing = endpoints[..<place].compactMap { endpoint in
      records[endpoint]?.missing.map { "\(endpoint) \($0)" }
    }
    log.write(event, [.endpoint(endpoint), .code(code), .reason(failing.joined(separator: ", "))])
  }

  package var statuses: [EndpointStatus] {
    endpoints.map { endpoint in
      let record = records[endpoint] ?? Record()
      return EndpointStatus(
        endpoint: endpoint.description, answers: Int64(record.answers), misses: Int64(record.misses),
        lastAnswerAt: record.lastAnswer, missing: record.missing)
    }
  }
}
