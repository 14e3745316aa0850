import CloudAPI
import Core
import HTTPClient
import Wire

extension RequestContext {
  private static let userAgent = "rolekeeper/\(Version.number)"

  /// The context of a request to `endpoint`, with its own nonce.
  init(
    to endpoint: String, dated date: UTCTime, forms: RequestForms = RequestForms(),
    using generator: inout some RandomNumberGenerator
  ) {
    self.init(
      host: endpoint, userAgent: Self.userAgent, date: date, nonce: Nonce.make(using: &generator), forms: forms)
  }
}

extension HTTPRequest {
  /// A signed request, to the host that it was signed for.
  init(_ request: SignedRequest) {
    self.init(
      .post, String(joining: "https://", request.host, request.target), headers: request.headerLines,
      secretHeaders: request.securityToken.map { [(name: "x-acs-security-token", value: $0)] } ?? [])
  }
}
