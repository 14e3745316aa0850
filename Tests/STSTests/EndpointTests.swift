import CloudAPI
import Core
import HTTPClient
import Logs
import Settings
import TestSupport
import Testing
import Wire

@testable import STS

/// Which endpoint is asked next, and what is logged about it.
@Suite struct EndpointTests {
  @Test func `a failure concerns one endpoint unless all share the cause or HTTP came back`() {
    let shared: Set<TransportFailure.Kind> = [
      .caFile, .bodyTooLarge, .proxyUnreachable, .proxyUnresolved, .proxyAuthentication, .unsuitableRequest,
      .noResources,
    ]
    for kind in TransportFailure.Kind.allCases {
      #expect(TransportFailure(kind, text: "").concernsEndpointAlone != shared.contains(kind), "\(kind)")
    }
  }

  @Test func `a refused password is permanent, everything else is retried soon`() {
    for kind in TransportFailure.Kind.allCases {
      #expect(
        Failure(TransportFailure(kind, text: ""), now: UTCTime(seconds: 0)).kind
          == (kind == .proxyAuthentication ? .permanent : .transient))
    }
  }

  /// It sent people to check the route and the firewall.
  @Test func `the hint matches the failure`() {
    func failure(_ kind: TransportFailure.Kind) -> Failure {
      Failure(TransportFailure(kind, text: "text"), now: UTCTime(seconds: 0))
    }
    #expect(failure(.proxyUnresolved).code == failure(.proxyUnreachable).code)
    #expect(failure(.proxyUnresolved).advice == "text; look at 'sts.proxy' and this host's name servers")
    // It named 'endpoint' alone, where 'regions' are written.
    #expect(failure(.resolve).advice == "text; look at 'endpoint' or 'regions' in [sts] and this host's name servers")
    #expect(failure(.noResources).code == "NoResources" && !failure(.noResources).advice.contains("network"))
  }

  /// Messages said "the other side may not speak TLS" and "somebody may be in between" without any evidence.
  @Test func `no hint guesses a cause`() {
    for kind in TransportFailure.Kind.allCases {
      let advice = Failure(TransportFailure(kind, text: "text"), now: UTCTime(seconds: 0)).advice
      for guess in ["may not", "may be", "might", "perhaps", "probably", "somebody", "seems"] {
        #expect(!advice.contains(guess), "\(kind): \(advice)")
      }
    }
  }

  /// It was "in the middle of the answer" although not a byte had arrived.
  @Test func `a connection that ends before an answer differs from one that ends within it`() {
    let failures = [TransportFailure.Kind.noAnswer, .cut].map {
      Failure(TransportFailure($0, text: "text"), now: UTCTime(seconds: 0))
    }
    #expect(failures.map(\.code) == ["NoAnswer", "AnswerCut"])
    #expect(failures[0].advice.contains("ended before an answer"))
    #expect(failures[1].advice.contains("ended in the middle of the answer"))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let kinds: [TransportFailure.Kind]
    let code: String
    let others: String?
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "one", kinds: [.connect], code: "Connect", others: nil),
    Case(
      name: "the first speaks for all", kinds: [.connectTimeout, .resolve, .cut], code: "ConnectTimeout",
      others: "(NameResolution, AnswerCut)"),
    Case(
      name: "a certificate weighs more", kinds: [.connect, .tlsVerification], code: "TLSVerification",
      others: "(Connect)"),
    Case(
      name: "what ends the search stands alone", kinds: [.connect, .proxyAuthentication], code: "ProxyAuthentication",
      others: nil),
  ])
  func `the failures of all endpoints make one failure`(_ example: Case) {
    let failure = Failure(example.kinds.map { TransportFailure($0, text: "text") }, now: UTCTime(seconds: 0))
    #expect(failure.code == example.code)
    let others = failure.advice.firstRange(of: "gave no answer either ").map {
      String(failure.advice[$0.upperBound...])
    }
    #expect(others == example.others)
  }

  @Test func `a proxy's Retry-After is observed, by its own clock or ours`() {
    let now = UTCTime("2026-01-02T03:04:05Z")!
    func wait(_ text: String?, date: String? = nil) -> Duration? {
      let failure = TransportFailure(.proxyRefused, text: "", retryAfter: text, date: date)
      return Failure([TransportFailure(.connect, text: ""), failure], now: now).notBefore
    }
    #expect(wait("20") == .seconds(20))
    #expect(wait("Fri, 02 Jan 2026 03:05:05 GMT") == .seconds(60))
    #expect(wait("Fri, 02 Jan 2026 03:05:05 GMT", date: "Fri, 02 Jan 2026 03:04:55 GMT") == .seconds(10))
    #expect(wait("later") == nil && wait(nil) == nil)
  }

  @Test func `an answer's Retry-After is observed, by its own clock or ours`() {
    let now = UTCTime("2026-01-02T03:04:05Z")!
    func wait(_ answer: HTTPAnswer) -> Duration? {
      STSResponse(answer, now: now).callerIdentity(from: Array("{}".utf8).span).refused?.notBefore
    }
    #expect(wait(HTTPAnswer(status: 503, standardRetryAfter: "20")) == .seconds(20))
    #expect(wait(HTTPAnswer(status: 503, standardRetryAfter: "Fri, 02 Jan 2026 03:04:25 GMT")) == .seconds(20))
    #expect(
      wait(
        HTTPAnswer(
          status: 503, date: "Fri, 02 Jan 2026 03:04:15 GMT", standardRetryAfter: "Fri, 02 Jan 2026 03:04:25 GMT"))
        == .seconds(10))
    #expect(wait(HTTPAnswer(status: 503)) == nil)
  }

  @Test func `a move to a fallback and back is each logged once, at most four in ten minutes`() throws {
    let endpoints = try ["a.example", "b.example", "c.example"].map { try #require(Endpoint($0)) }
    let endpointHealth = EndpointHealth(
      endpoints, keeping: nil, log: LogRecorder().log)
    let date = UTCTime(seconds: 1_800_000_000)
    func answer(_ place: Int, atSecond second: Int64) {
      endpointHealth.answered(place, date: date, at: Timestamp(microseconds: second * 1_000_000))
    }
    #expect(endpointHealth.reported == 0)
    answer(0, atSecond: 0)
    endpointHealth.failed(0, code: "Connect")
    answer(1, atSecond: 1)
    #expect(endpointHealth.reported == 1)
    answer(1, atSecond: 2)
    answer(0, atSecond: 3)
    answer(2, atSecond: 4)
    answer(0, atSecond: 5)
    #expect(endpointHealth.reported == 0, "four are logged")
    answer(1, atSecond: 6)
    answer(1, atSecond: 600)
    #expect(endpointHealth.reported == 0, "the fifth isn't yet")
    answer(1, atSecond: 605)
    #expect(endpointHealth.reported == 1, "but when there is room again")
    let first = endpointHealth.statuses[0]
    #expect(first.answers == 3 && first.failures == 1 && first.latestFailure == nil && first.lastAnswerAt == date)

    let more = EndpointHealth(Array(endpoints.dropLast()), keeping: endpointHealth, log: LogRecorder().log)
    #expect(more.statuses.map(\.answers) == [3, 5] && more.reported == 0)
  }

  /// The line reported that the first one doesn't answer, and "answers" for the one before.
  @Test func `a fallback is logged with the failure, and without one if the first answered meanwhile`() throws {
    let endpoints = try ["a.example", "b.example"].map { try #require(Endpoint($0)) }
    let recorder = LogRecorder()
    let endpointHealth = EndpointHealth(endpoints, keeping: nil, log: recorder.log)
    let date = UTCTime(seconds: 1_800_000_000)
    endpointHealth.failed(0, code: "Connect")
    endpointHealth.answered(1, date: date, at: Timestamp(microseconds: 1))
    #expect(
      recorder.all == [
        "warning: a fallback endpoint of STS answers in place of the first one code=Connect endpoint=b.example reason=a.example Connect"
      ])
    endpointHealth.answered(0, date: date, at: Timestamp(microseconds: 2))
    endpointHealth.answered(1, date: date, at: Timestamp(microseconds: 3))
    #expect(
      recorder.all.last == "warning: a fallback endpoint of STS answers in place of the first one endpoint=b.example")
  }
}
