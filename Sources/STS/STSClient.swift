import CloudAPI
package import Core
package import HTTPClient
package import Identities
package import Refresh
import Secrets
package import Settings
package import Systemd

/// Calls STS for the refresher: signs each request, sends it, and parses the answer strictly.
///
/// A call asks one endpoint after the other until one gives an HTTP answer, with any status. Every call starts with the first
/// endpoint, so one that has recovered is used again at once. Of regions it starts with the one that is next (`RegionalRate`), and asks
/// up to two others if that fails or throttles. All requests of a call count as one in the rate.
package final class STSClient: SessionIssuer {
  /// A call under way, at its current endpoint.
  private struct Call {
    let id: CallID
    let order: SessionRequest
    let completion: (IssueOutcome) -> Void
    /// The endpoints that were asked, the current one last.
    var asked: [Int] = []
    /// The server time that the next request is signed with.
    var date: UTCTime
    /// The failures of the endpoints before.
    var failures: [TransportFailure] = []
    /// What the region before answered, if it throttled or failed.
    var refusal: IssueOutcome?
    /// Whether STS refused the credential that signed, so that this request is signed by another one.
    var isSecondSigner = false

    var place: Int { asked.last ?? 0 }
  }

  private let http: HTTPClient
  private let endpointHealth: EndpointHealth
  private let hostName: String
  /// Whether other hosts share the account's quota.
  private let isInFleet: Bool
  private let sources: [String: any CredentialSource]
  private let scheduler: any Scheduler
  /// The server's time, for signing and for checking whether an Expiration has passed.
  private let serverTime: () -> UTCTime
  private var calls: UInt64 = 0
  private var transfers: [CallID: HTTPClient.TransferID] = [:]
  /// What calls wait for whose source reads a file or looks for another credential, or that have no handle; releasing it ends the wait.
  private var renewals: [CallID: AnyObject] = [:]
  /// A request that couldn't even be sent; its outcome is reported in a later turn like all others.
  private typealias Unsent = (id: CallID, report: () -> Void)
  private var unsent: [Unsent] = []
  /// Outcomes being reported, the next one last; a completion may cancel any of them.
  private var reporting: [Unsent] = []
  private var unsentReporter: (any Deferral)!
  private var chance = SystemChance()
  private let forms = RequestForms()

  package init(
    scheduler: any Scheduler, http: HTTPClient, endpointHealth: EndpointHealth, hostName: String,
    isInFleet: Bool = false, sources: [String: any CredentialSource],
    serverTime: @escaping () -> UTCTime
  ) {
    self.http = http
    self.endpointHealth = endpointHealth
    self.hostName = hostName
    self.isInFleet = isInFleet
    self.sources = sources
    self.scheduler = scheduler
    self.serverTime = serverTime
    unsentReporter = scheduler.deferred { [unowned self] in reportUnsent() }
  }

  package var hasRoom: Bool { http.freeHandles > 0 }

  package func issue(_ order: SessionRequest, completion: @escaping (IssueOutcome) -> Void) -> CallID {
    calls += 1
    let call = Call(id: CallID(number: calls), order: order, completion: completion, date: order.date)
    ask(call)
    return call.id
  }

  /// Sends the call's request to the current endpoint; needs a free handle.
  private func ask(_ call: Call) {
    let sent = scheduler.time
    guard let source = sources[call.order.role.source] else {
      return fail(.noSource, of: call, sent: sent)
    }
    awaitSigner(of: source, for: call) { [unowned self] signer in
      switch signer {
      case .identity(let identity): ask(begun(call), signedBy: identity, of: source, sent: sent)
      case .token(let token):
        // It may have waited for the token, and others have taken the handles meanwhile.
        awaitHandle(for: call) { [unowned self] in ask(begun(call), with: token, of: source, sent: scheduler.time) }
      case .none(let failure): fail(failure, of: call, sent: sent)
      }
    }
  }

  /// Calls `body` with who signs the call's request: at once, or in a later turn.
  private func awaitSigner(
    of source: any CredentialSource, for call: Call, _ body: @escaping (SourceSigner) -> Void
  ) {
    let waiting = source.withSigner { [unowned self] signer in
      renewals[call.id] = nil
      body(signer)
    }
    if let waiting { renewals[call.id] = waiting }
  }

  /// Calls `body` when there is a free handle: at once, or in a later turn.
  private func awaitHandle(for call: Call, _ body: @escaping () -> Void) {
    if http.freeHandles > 0 { return body() }
    renewals[call.id] = http.awaitHandle { [unowned self] in
      renewals[call.id] = nil
      body()
    }
  }

  private func ask(
    _ call: Call, signedBy signer: SigningIdentity, of source: any CredentialSource, sent: Timestamp
  ) {
    let endpoint = endpointHealth.texts[call.place]
    do {
      let request = try signed(call, for: endpoint, with: signer)
      transfers[call.id] = try http.send(HTTPRequest(request)) { [unowned self] outcome, body in
        transfers[call.id] = nil
        if case .failure(let failure) = outcome, goOn(call, after: failure) { return }
        let issued = read(outcome, body, of: call, sent: sent)
        if goOn(call, after: issued) { return }
        settle(call, issued, signedBy: signer, of: source)
      }
    } catch let failure as TransportFailure {
      fail(Failure(failure, now: serverTime()), of: call, sent: sent)
    } catch {
      fail(.noSessionName, of: call, sent: sent)
    }
  }

  /// Sends the call's request with a token in place of a signature.
  private func ask(_ call: Call, with token: IdentityToken, of source: any CredentialSource, sent: Timestamp) {
    do {
      let request = AssumeRoleWithOIDCRequest(try assumption(call.order), with: token).request(
        in: RequestContext(to: endpointHealth.texts[call.place], dated: call.date, using: &chance))
      transfers[call.id] = try http.send(HTTPRequest(request)) { [unowned self] outcome, body in
        transfers[call.id] = nil
        if case .failure(let failure) = outcome, goOn(call, after: failure) { return }
        let issued = read(outcome, body, of: call, sent: sent)
        if goOn(call, after: issued) { return }
        let tokens = source as? IdentityTokenSource
        guard case .refused(let failure) = issued.result else {
          tokens?.accepted(at: sent)
          return call.completion(issued)
        }
        let refuse = {
          tokens?.refused(failure)
          call.completion(
            IssueOutcome(
              result: .refused(tokens?.explained(failure) ?? failure), date: issued.date, sent: issued.sent))
        }
        guard failure.code.hasPrefix("AuthenticationFail.OIDCToken"), !call.isSecondSigner else { return refuse() }
        // It may have been replaced after it was read.
        awaitSigner(of: source, for: call) { [unowned self] signer in
          guard case .token(let other) = signer, !other.token.hasSameBytes(as: token.token) else { return refuse() }
          askSecondSigner(call)
        }
      }
    } catch let failure as TransportFailure {
      fail(Failure(failure, now: serverTime()), of: call, sent: sent)
    } catch {
      fail(.noSessionName, of: call, sent: sent)
    }
  }

  /// Reports the outcome of a call, unless STS refused the credential that signed and the source has, or finds, another one.
  private func settle(
    _ call: Call, _ issued: IssueOutcome, signedBy signer: SigningIdentity, of source: any CredentialSource
  ) {
    guard case .refused(let failure) = issued.result else {
      call.completion(issued)
      return source.accepted(signer)
    }
    let explained = IssueOutcome(
      result: .refused(source.explained(failure, of: signer)), date: issued.date, sent: issued.sent)
    guard failure.blamesSigner, !call.isSecondSigner else {
      call.completion(explained)
      if failure.blamesSigner { _ = source.refused(signer, failure) {} }
      if failure.concernsSigner { source.denied(signer) }
      return
    }
    let renewal = source.refused(signer, failure) { [unowned self] in
      renewals[call.id] = nil
      askAgain(call, instead: explained, refused: signer, of: source)
    }
    if let renewal {
      renewals[call.id] = renewal
    } else {
      askAgain(call, instead: explained, refused: signer, of: source)
    }
  }

  /// Asks with the credential that the source has now; if it has no other one, the refusal is the outcome.
  private func askAgain(
    _ call: Call, instead refusal: IssueOutcome, refused signer: SigningIdentity, of source: any CredentialSource
  ) {
    guard let other = source.signer.identity, !other.isSame(as: signer) else { return call.completion(refusal) }
    askSecondSigner(call)
  }

  /// Asks again, with whatever the source has now.
  private func askSecondSigner(_ call: Call) {
    var again = call
    again.isSecondSigner = true
    again.asked = []
    again.failures = []
    again.refusal = nil
    again.date = serverTime()
    awaitHandle(for: again) { [unowned self] in ask(again) }
  }

  /// The call with the endpoint of its first request.
  private func begun(_ call: Call) -> Call {
    guard call.asked.isEmpty else { return call }
    var begun = call
    begun.asked = [endpointHealth.next(after: []) ?? 0]
    return begun
  }

  /// Asks the next endpoint with a new request; false if there is none, or if it couldn't do better.
  private func goOn(_ call: Call, after failure: TransportFailure) -> Bool {
    if failure.countsAsEndpointFailure {
      endpointHealth.failed(
        call.place, code: Failure(failure, now: serverTime()).code, isOfEndpoint: failure.concernsEndpointAlone)
    }
    guard failure.concernsEndpointAlone, let place = endpointHealth.next(after: call.asked) else { return false }
    var next = call
    next.failures.append(failure)
    goOn(next, to: place)
    return true
  }

  /// Asks another region after one that throttles or fails; false if there is none.
  private func goOn(_ call: Call, after issued: IssueOutcome) -> Bool {
    guard case .refused(let failure) = issued.result, issued.isAnswer, endpointHealth.concernsRegionAlone(failure),
      let place = endpointHealth.next(after: call.asked)
    else { return false }
    var next = call
    next.refusal = issued
    goOn(next, to: place)
    return true
  }

  private func goOn(_ call: Call, to place: Int) {
    var next = call
    next.asked.append(place)
    next.date = serverTime()
    ask(next)
  }

  package func cancel(_ call: CallID) {
    unsent.removeAll { $0.id == call }
    reporting.removeAll { $0.id == call }
    renewals[call] = nil
    if let transfer = transfers.removeValue(forKey: call) { http.cancel(transfer) }
  }

  package func moreWait(_ areWaiting: Bool) { http.hasMoreWaiting = areWaiting }

  package func renewIdentity(of role: RoleSettings) { sources[role.source]?.renew() }

  private func signed(_ call: Call, for endpoint: String, with signer: SigningIdentity) throws -> SignedRequest {
    try assumption(call.order).signed(
      by: signer, in: RequestContext(to: endpoint, dated: call.date, forms: forms, using: &chance))
  }

  private func assumption(_ order: SessionRequest) throws -> AssumeRoleRequest {
    let role = order.role
    // Its sessions come from a tier, by another issuer.
    guard let arn = role.arn else { throw TransportFailure(.unsuitableRequest, text: "the role has no 'role_arn'") }
    let sessionName = try role.sessionName.expand(host: hostName, role: role.name, slot: String(order.slot))
    return AssumeRoleRequest(
      roleARN: arn, sessionName: sessionName,
      duration: order.duration, policy: role.policy.map { String(decoding: $0, as: UTF8.self) },
      externalID: role.externalID, sourceIdentity: order.sourceIdentity)
  }

  private func read(_ outcome: HTTPOutcome, _ body: Span<UInt8>, of call: Call, sent: Timestamp) -> IssueOutcome {
    switch outcome {
    case .failure(let failure):
      // What a region answered says more than that another one gave no answer.
      if let refusal = call.refusal {
        return IssueOutcome(result: refusal.result, date: refusal.date, sent: refusal.sent)
      }
      return IssueOutcome(
        result: .refused(Failure(call.failures + [failure], now: serverTime())), date: nil, sent: sent)
    case .success(let answer):
      let now = serverTime()
      var result = STSResponse(answer, now: now).assumedSession(from: body, now: now)
      if isInFleet, case .refused(let failure) = result { result = .refused(failure.inFleet) }
      endpointHealth.answered(call.place, date: now, failure: result.refused, at: scheduler.time)
      return IssueOutcome(
        result: result, date: answer.date.flatMap { UTCTime(httpDate: $0) }, sent: sent, isAnswer: true)
    }
  }

  private func fail(_ failure: Failure, of call: Call, sent: Timestamp) {
    unsent.append((call.id, { call.completion(IssueOutcome(result: .refused(failure), date: nil, sent: sent)) }))
    unsentReporter.schedule()
  }

  /// Calls that fail meanwhile are reported in the next turn.
  private func reportUnsent() {
    reporting = unsent.reversed()
    unsent = []
    while let next = reporting.popLast() { next.report() }
  }
}

extension Failure {
  static let noSessionName = Failure(
    .permanent, code: "NoSessionName", advice: "'session_name' makes no valid name on this host; write a shorter one")

  static let noRoleARN = Failure(
    .permanent, code: "NoRoleARN", advice: "the role has no 'role_arn', so STS can't be asked for it; write one")

  fileprivate static let noSource = Failure(
    .permanent, code: "NoSource", advice: "the role's source is gone from the settings; name one that is there")
}
