import CloudAPI
package import Core
import HTTPClient
package import SessionStore
import Settings
import Wire

/// GetCallerIdentity signed by the session in question, at one endpoint after the other until one gives an HTTP answer.
extension STSClient: SessionChecking {
  package func check(
    _ session: StoredSession, date: UTCTime, completion: @escaping (CheckOutcome) -> Void
  ) -> DrawID {
    let id = nextID()
    ask(SessionCheck(id: id, session: session, completion: completion), dated: date)
    return id
  }

  private struct SessionCheck {
    let id: DrawID
    let session: StoredSession
    let completion: (CheckOutcome) -> Void
    var place = 0
  }

  /// Sends the request to the endpoint whose turn it is; needs a free handle.
  private func ask(_ check: SessionCheck, dated date: UTCTime) {
    let endpoint = ledger.endpoints[check.place].description
    let identity = SigningIdentity(
      key: AccessKey(id: check.session.accessKeyID, secret: check.session.accessKeySecret),
      securityToken: check.session.securityToken, provider: "static_sts")
    let request = GetCallerIdentityRequest().signed(by: identity, in: context(for: endpoint, dated: date))
    do throws(TransportFailure) {
      transfers[check.id] = try http.post(
        to: "https://\(endpoint)\(request.target)", headers: request.headerLines,
        secretHeader: request.securityToken.map { ("x-acs-security-token", $0) }
      ) { [unowned self] outcome, body in
        transfers[check.id] = nil
        switch outcome {
        case .failure(let failure):
          ledger.missed(check.place, code: Failure(failure, now: serverTime()).code)
          if !goOn(check, after: failure) { check.completion(.unchecked(Failure(failure, now: serverTime()))) }
        case .success(let answer):
          ledger.answered(check.place, date: serverTime(), at: time())
          let response = STSResponse(answer, now: serverTime())
          check.completion(CheckOutcome(response.callerIdentity(from: body)))
        }
      }
    } catch {
      let failure = Failure(error, now: serverTime())
      later(check.id) { check.completion(.unchecked(failure)) }
    }
  }

  /// Asks the next endpoint; false when there is none, or when it would fare no better.
  private func goOn(_ check: SessionCheck, after failure: TransportFailure) -> Bool {
    guard failure.concernsEndpointAlone, check.place + 1 < ledger.endpoints.count else { return false }
    var next = check
    next.place += 1
    ask(next, dated: serverTime())
    return true
  }
}
