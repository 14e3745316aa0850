import CloudAPI
import Core
import HTTPClient

extension Failure {
  /// Classifies a failure on the way to STS: usually it is retried soon, since no person may be needed to fix it. A password that a
  /// proxy refuses needs a person, and too many attempts might lock its user out. `now` is the reference for a date from a proxy
  /// that doesn't send its own time.
  init(_ failure: TransportFailure, now: UTCTime) {
    let (code, advice) = Self.words(for: failure.kind)
    let kind: Kind = failure.kind == .proxyAuthentication ? .permanent : .transient
    let notBefore = failure.retryAfter.flatMap {
      RetryAfter.wait($0, saidAt: failure.date.flatMap { UTCTime(httpDate: $0) } ?? now)
    }
    self.init(kind, code: code, notBefore: notBefore, advice: "\(failure.text); \(advice)")
  }

  /// Combines the failures of all endpoints, none of which answered: the first one's, or the first certificate failure, with the
  /// codes of the others. A failure that ends the search for all of them, such as a proxy that is down, is reported alone.
  init(_ failures: [TransportFailure], now: UTCTime) {
    let all = failures.map { Failure($0, now: now) }
    let last = all[all.count - 1]
    guard all.count > 1, failures[failures.count - 1].concernsEndpointAlone else {
      self = last
      return
    }
    let lead = all.firstIndex { $0.code == TransportFailureCode.untrusted } ?? 0
    let others = all.indices.filter { $0 != lead }.map { all[$0].code }.joined(separator: ", ")
    self.init(
      all[lead].kind, code: all[lead].code, notBefore: all.compactMap(\.notBefore).max(),
      advice: "\(all[lead].advice); the other endpoints gave no answer either (\(others))")
  }

  /// Where the settings name whom to ask.
  private static let endpoints = "'endpoint' or 'regions' in [sts]"

  static func words(for kind: TransportFailure.Kind) -> (code: String, advice: String) {
    switch kind {
    case .resolve: ("NameResolution", "look at \(endpoints) and this host's name servers")
    case .connect: ("Connect", "look at \(endpoints), the route and the firewall")
    case .connectTimeout: ("ConnectTimeout", "look at the route and the firewall between here and STS")
    case .timeout: ("Timeout", "look at the network between here and STS, or raise 'sts.timeout'")
    case .tlsVerification:
      (
        TransportFailureCode.untrusted,
        "nothing was sent; look at 'sts.ca_file', \(endpoints) and this host's clock, and for a device on the way that opens TLS"
      )
    case .caFile: ("CAFile", "look at 'sts.ca_file'; apt-get install ca-certificates if it is missing")
    case .tlsOther:
      ("TLS", "the TLS handshake failed, which takes TLS 1.2 or newer; look at what answers at \(endpoints)")
    case .bodyTooLarge: ("AnswerTooLarge", "STS's answers are much shorter; look at what answers at \(endpoints)")
    case .protocolViolation: ("NotHTTP", "that isn't an answer in HTTP/1.1; look at what answers at \(endpoints)")
    case .noAnswer: ("NoAnswer", "the connection ended before an answer; look at the network between here and STS")
    case .cut: ("AnswerCut", "the connection ended in the middle of the answer")
    case .proxyUnreachable: ("ProxyUnreachable", "look at 'sts.proxy', the route to it and the firewall")
    case .proxyUnresolved: ("ProxyUnreachable", "look at 'sts.proxy' and this host's name servers")
    case .proxyAuthentication:
      (
        "ProxyAuthentication",
        "look at the user in 'sts.proxy' and the password in 'sts.proxy_password_file', and reload"
      )
    case .proxyRefused: ("ProxyRefused", "have the proxy let CONNECT to the endpoint and its port pass")
    case .proxyBroken: ("ProxyBroken", "look whether an HTTP proxy answers at 'sts.proxy', and whether it reaches STS")
    case .unsuitableRequest: ("UnsuitableRequest", "look at \(endpoints)")
    case .noResources:
      (
        TransportFailureCode.noResources,
        "it is tried again; if it stays so, raise TasksMax=, LimitNOFILE= or MemoryMax= of the unit, or look for what uses up the host's"
      )
    case .other: ("Transport", "look at the network between here and STS")
    }
  }
}

extension TransportFailure {
  /// Whether it counts as the endpoint's failure: if this process lacked the resources for the request, it shows nothing about the
  /// endpoint.
  var countsAsEndpointFailure: Bool { kind != .noResources }

  /// Whether another endpoint may do better: no HTTP answer came back, and the cause isn't shared by all endpoints.
  var concernsEndpointAlone: Bool {
    switch kind {
    case .resolve, .connect, .connectTimeout, .timeout, .tlsVerification, .tlsOther, .protocolViolation, .noAnswer,
      .cut, .other:
      true
    // The proxy may have refused because the host can't be reached.
    case .proxyRefused, .proxyBroken: true
    case .caFile, .bodyTooLarge, .proxyUnreachable, .proxyUnresolved, .proxyAuthentication, .unsuitableRequest,
      .noResources:
      false
    }
  }
}
