import Core
import HTTPClient

extension Failure {
  /// Sorts what went wrong on the way to STS: all of it is tried again soon, since no person may be needed to mend it.
  init(_ failure: TransportFailure) {
    let (code, advice) = Self.words(for: failure.kind)
    self.init(.transient, code: code, advice: "\(failure.text); \(advice)")
  }

  private static func words(for kind: TransportFailure.Kind) -> (code: String, advice: String) {
    switch kind {
    case .resolve: ("NameResolution", "look at 'sts.endpoint' and this host's name servers")
    case .connect: ("Connect", "look at 'sts.endpoint', the route and the firewall")
    case .connectTimeout: ("ConnectTimeout", "look at the route and the firewall between here and STS")
    case .timeout: ("Timeout", "STS or the network is slow")
    case .tlsVerification:
      (
        TransportFailureCode.untrusted,
        "somebody may be in between; look at 'sts.ca_file', 'sts.endpoint' and the clock"
      )
    case .caFile: ("CAFile", "look at 'sts.ca_file'; apt-get install ca-certificates if it is missing")
    case .tlsOther: ("TLS", "the other side may not speak TLS 1.2 or newer")
    case .bodyTooLarge: ("AnswerTooLarge", "what answers there may not be STS")
    case .protocolViolation: ("NotHTTP", "what answers there may not be STS")
    case .cut: ("AnswerCut", "the connection ended in the middle of the answer")
    case .unsuitableRequest: ("UnsuitableRequest", "look at 'sts.endpoint'")
    case .other: ("Transport", "look at the network between here and STS")
    }
  }
}
