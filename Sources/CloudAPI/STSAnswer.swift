package import Core
internal import JSON
package import Secrets

/// The answer of STS: the content, or why there is none.
package enum STSAnswer<Content> {
  case granted(Content)
  case refused(Failure)
}

extension STSAnswer {
  package var granted: Content? { if case .granted(let content) = self { content } else { nil } }
  package var refused: Failure? { if case .refused(let failure) = self { failure } else { nil } }
}

/// One result of AssumeRole.
package struct AssumedSession {
  /// Begins with `STS.`; names the session in logs and isn't secret.
  package let accessKeyID: String
  package let accessKeySecret: Secret
  package let securityToken: Secret
  package let expiration: UTCTime
  /// Nil if the answer has none.
  package let requestID: String?
  /// When it was issued, in the server's time, as a tier says; nil if it was issued by this answer.
  package private(set) var issued: UTCTime?

  package init(
    accessKeyID: String, accessKeySecret: Secret, securityToken: Secret, expiration: UTCTime, requestID: String?
  ) {
    self.accessKeyID = accessKeyID
    self.accessKeySecret = accessKeySecret
    self.securityToken = securityToken
    self.expiration = expiration
    self.requestID = requestID
  }

  package func issued(at time: UTCTime) -> AssumedSession {
    var session = self
    session.issued = time
    return session
  }
}

/// The signer's identity, by GetCallerIdentity.
package struct CallerIdentity: Hashable, Sendable {
  package let arn: String
  /// For an account or a RAM user; nil for a session of a role.
  package let userID: String?

  package init(arn: String, userID: String? = nil) {
    self.arn = arn
    self.userID = userID
  }

  /// A user that was deleted and created again under the same name is a different one, and for policies that name it so is a
  /// renamed user.
  package func isSame(as other: CallerIdentity) -> Bool {
    guard arn == other.arn else { return false }
    guard let userID, let otherID = other.userID else { return true }
    return userID == otherID
  }
}

/// The parts of a response's head that are needed to read its body.
package struct STSResponse {
  /// The maximum length that is read of a body; a longer one is no answer of STS.
  package static var maxBodyLength: Int { GatewayResponse.maxBodyLength }

  private let response: GatewayResponse

  /// `retryAfter` is the value of `x-acs-retry-after`; nil if the header is missing. `notBefore` is the wait that `RetryAfter`
  /// reads from the standard header.
  package init(httpStatus: Int, retryAfter: String?, notBefore: Duration? = nil) {
    response = GatewayResponse(httpStatus: httpStatus, retryAfter: retryAfter, notBefore: notBefore)
  }

  /// Reads the answer to AssumeRole; `now` is the server's time, by which a session must not have expired.
  package func assumedSession(from body: Span<UInt8>, now: UTCTime) -> STSAnswer<AssumedSession> {
    answer(from: body) { (root) throws(AnswerFault) in
      guard let credentials = root["Credentials"] else { throw .missing("Credentials") }
      guard credentials.kind == .object else { throw .malformed("Credentials") }
      let id = try credentials.credential("AccessKeyId", path: "Credentials")
      let secret = try credentials.credential("AccessKeySecret", path: "Credentials")
      let token = try credentials.credential("SecurityToken", path: "Credentials")
      guard let expiration = UTCTime(try credentials.text("Expiration", path: "Credentials")) else {
        throw .badExpiration
      }
      guard expiration > now else { throw .expired }
      return AssumedSession(
        accessKeyID: id.withBytes { $0.text(0..<$0.count) }, accessKeySecret: secret, securityToken: token,
        expiration: expiration, requestID: root.requestID)
    }
  }

  package func callerIdentity(from body: Span<UInt8>) -> STSAnswer<CallerIdentity> {
    let found: STSAnswer<CallerIdentity> = answer(from: body) { (root) throws(AnswerFault) in
      CallerIdentity(
        arn: try root.text("Arn").printable(most: 256), userID: root["UserId"]?.string()?.printable(most: 64))
    }
    // The table's advice is about assuming a role, which isn't involved in this call.
    guard case .refused(let failure) = found, failure.code == "NoPermission" else { return found }
    return .refused(
      Failure(
        failure.kind, code: failure.code, httpStatus: failure.httpStatus, requestID: failure.requestID,
        notBefore: failure.notBefore,
        advice:
          "a policy forbids the user that signs sts:GetCallerIdentity; look at that user's policies, and ask whoever manages the "
          + "account about control policies"))
  }

  private func answer<Content>(
    from body: Span<UInt8>, _ read: (borrowing JSONValue) throws(AnswerFault) -> Content
  ) -> STSAnswer<Content> {
    switch response.content(from: body, read) {
    case .success(let content): .granted(content)
    case .failure(.error(let code, let message, let requestID)):
      .refused(
        refusal(ErrorTable.row(forCode: code, message: message, httpStatus: response.httpStatus), code, requestID))
    case .failure(.fault(let fault, let requestID)): .refused(failure(for: fault, requestID: requestID))
    }
  }

  private func refusal(_ row: ErrorTable.Row, _ code: String, _ requestID: String?) -> Failure {
    failure(row.kind, code: code, requestID: requestID, advice: row.advice)
  }

  /// An answer that isn't from STS, or is damaged: a change of settings wouldn't surely fix that.
  private func failure(for fault: AnswerFault, requestID: String?) -> Failure {
    failure(
      response.httpStatus == 429 ? .throttled(wait: nil) : .transient, code: fault.code, requestID: requestID,
      advice: fault.advice)
  }

  private func failure(_ kind: Failure.Kind, code: String, requestID: String?, advice: String) -> Failure {
    Failure(
      response.throttle(kind == .throttled(wait: nil)).map { .throttled(wait: $0) } ?? kind, code: code,
      httpStatus: response.httpStatus, requestID: requestID, notBefore: response.notBefore, advice: advice)
  }
}

extension AnswerFault {
  private static let again = "the daemon tries again by itself"

  fileprivate var advice: String {
    switch self {
    case .tooLong, .notJSON, .noCode, .insecure:
      "what came isn't in the form of STS's answers; check 'endpoint' in [sts] and proxies on the way"
    case .missing(let field): "the answer lacks '\(field)'; \(Self.again)"
    case .malformed(let field): "the answer has something else than a credential in '\(field)'; \(Self.again)"
    case .badExpiration: "the answer's 'Credentials.Expiration' isn't of the form YYYY-MM-DDThh:mm:ssZ; \(Self.again)"
    case .expired: "check this host's clock; the session had expired when it came"
    }
  }
}
