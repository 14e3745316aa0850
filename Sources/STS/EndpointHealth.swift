import Core
package import Logs
package import Settings
package import Wire

/// The outcomes of requests to each endpoint of STS, and the log lines on which one answers.
///
/// A move from the first endpoint to a fallback and the way back are each logged once. With frequent moves at most four are logged
/// in ten minutes, and the current state when another line is allowed; status and metrics count everything.
package final class EndpointHealth {
  /// The figures of one endpoint since the daemon started.
  struct Record {
    var answers = 0
    /// Requests without an HTTP answer.
    var failures = 0
    var lastAnswer: UTCTime?
    /// The code of the latest failure, if no answer has come since.
    var latestFailure: String?

    fileprivate mutating func answered(at date: UTCTime) {
      answers += 1
      lastAnswer = date
      latestFailure = nil
    }
  }

  private static let mostReports = 4
  private static let span = Duration.minutes(10)

  package let endpoints: [Endpoint]
  /// Their names as requests have them.
  let texts: [String]
  private(set) var records: [Endpoint: Record] = [:]
  private let log: Log
  /// The index in `endpoints` of the one that the log last reported as answering.
  private(set) var reported = 0
  private var reports: [Timestamp] = []

  /// Continues with the records of `old` for the same endpoints.
  package init(_ endpoints: [Endpoint], keeping old: EndpointHealth?, log: Log) {
    self.endpoints = endpoints
    texts = endpoints.map(\.description)
    self.log = log
    guard let old else { return }
    for endpoint in endpoints { records[endpoint] = old.records[endpoint] }
  }

  /// The endpoint at `place` gave an HTTP answer, whose server time was `date`.
  func answered(_ place: Int, date: UTCTime, at now: Timestamp) {
    records[endpoints[place], default: Record()].answered(at: date)
    guard place != reported else { return }
    reports.removeAll { now - $0 > Self.span }
    guard reports.count < Self.mostReports else { return }
    reports.append(now)
    reported = place
    report(place)
  }

  func failed(_ place: Int, code: String) {
    records[endpoints[place], default: Record()].failures += 1
    records[endpoints[place]]?.latestFailure = code
  }

  private func report(_ place: Int) {
    let endpoint = endpoints[place].description
    if place == 0 { return log.write(.firstEndpointAnswers, [.endpoint(endpoint)]) }
    let event = LogEvent.fallbackEndpointAnswers
    // Another request may have got an answer from the first endpoint meanwhile: then there is nothing to report.
    guard let code = records[endpoints[0]]?.latestFailure else { return log.write(event, [.endpoint(endpoint)]) }
    let failing = endpoints[..<place].compactMap { endpoint in
      records[endpoint]?.latestFailure.map { "\(endpoint) \($0)" }
    }
    log.write(event, [.endpoint(endpoint), .code(code), .reason(failing.joined(separator: ", "))])
  }

  package var statuses: [EndpointStatus] {
    endpoints.map { endpoint in
      let record = records[endpoint] ?? Record()
      return EndpointStatus(
        endpoint: endpoint.description, answers: Int64(record.answers), failures: Int64(record.failures),
        lastAnswerAt: record.lastAnswer, latestFailure: record.latestFailure)
    }
  }
}
