import CloudAPI
import Core
import HTTPClient
import Secrets
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

  /// A request with a token; its body is read from the secret while it is sent.
  init(_ request: TokenRequest) {
    let body = request.body
    self.init(
      .post, "https://\(request.host)\(request.target)", headers: request.headerLines,
      body: .stream(
        BodyStream(length: body.count) { offset, room in
          let count = min(room.count, body.count - offset)
          body.withBytes { bytes in
            for place in 0..<count { room[place] = bytes[offset + place] }
          }
          return count
        }))
  }
}
