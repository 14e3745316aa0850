import CloudAPI
import Core
import HTTPClient
import Wire

extension RequestContext {
  /// What a request to `endpoint` has beside what it asks, with a nonce of its own.
  init(to endpoint: String, dated date: UTCTime, using generator: inout some RandomNumberGenerator) {
    self.init(
      host: endpoint, userAgent: "rolekeeper/\(Version.number)", date: date, nonce: Nonce.make(using: &generator))
  }
}

extension HTTPClient {
  /// Posts a signed request to the host that it was signed for.
  func post(
    _ request: SignedRequest, completion: @escaping (HTTPOutcome, Span<UInt8>) -> Void
  ) throws(TransportFailure) -> TransferID {
    try post(
      to: "https://\(request.host)\(request.target)", headers: request.headerLines,
      secretHeader: request.securityToken.map { ("x-acs-security-token", $0) }, completion: completion)
  }
}
