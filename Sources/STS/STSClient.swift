import CloudAPI
package import Core
package import HTTPClient
package import Identities
package import Refresh
package import Settings
package import Systemd

/// Calls STS for the refresher: signs each request anew, sends it, and reads the answer strictly.
///
/// A draw asks one endpoint after the other until one gives an HTTP answer, whichever. Every draw begins with the first: what
/// answered before isn't remembered, so an endpoint that is back serves at once. All its requests count as one in the rate.
package final class STSClient: SessionDrawing {
  /// A draw under way, at the endpoint it is asking now.
  private struct Draw {
    let id: DrawID
    let order: DrawOrder
    let completion: (DrawOutcome) -> Void
    var place = 0
    /// By which server time the next request is signed.
    var date: UTCTime
    /// What the endpoints before did instead of answering.
    var misses: [TransportFailure] = []
  }

  private let http: HTTPClient
  private let ledger: EndpointLedger
  private let hostName: String
  private let sources: [String: AccessKeySource]
  private let scheduler: any Scheduler
  /// The server's time, for signing and for judging whether an Expiration has passed.
  private let serverTime: () -> UTCTime
  private var draws: UInt64 = 0
  private var transfers: [DrawID: HTTPClient.TransferID] = [:]
  /// A request that couldn't even be sent; its outcome is reported in a later turn like all others.
  private typealias Unsent = (id: DrawID, report: () -> Void)
  private var unsent: [Unsent] = []
  /// Those that are being reported, the next one last; a completion may cancel any of them.
  private var reporting: [Unsent] = []
  private var unsentReporter: (any Deferral)!
  private var chance = SystemRandomNumberGenerator()

  package init(
    scheduler: any Scheduler, http: HTTPClient, ledger: EndpointLedger, hostName: String,
    sources: [String: AccessKeySource],
    serverTime: @escaping () -> UTCTime
  ) {
    self.http = http
    self.ledger = ledger
    self.hostName = hostName
    self.sources = sources
    self.scheduler = scheduler
    self.serverTime = serverTime
    unsentReporter = scheduler.deferred { [unowned self] in reportUnsent() }
  }

  package var hasRoom: Bool { http.freeHandles > 0 }

  package func draw(_ order: DrawOrder, completion: @escaping (DrawOutcome) -> Void) -> DrawID {
    draws += 1
    let draw = Draw(id: DrawID(number: draws), order: order, completion: completion, date: order.date)
    ask(draw)
    return draw.id
  }

  /// Sends the draw's request to the endpoint whose turn it is; needs a free handle.
  private func ask(_ draw: Draw) {
    let sent = scheduler.time
    guard let source = sources[draw.order.role.source] else {
      return fail(.noSource, of: draw, sent: sent)
    }
    guard let key = source.key else {
      return fail(.noAccessKey(source.missingKeyAdvice), of: draw, sent: sent)
    }
    let endpoint = ledger.endpoints[draw.place].description
    do {
      let request = try signed(draw, for: endpoint, with: key)
      transfers[draw.id] = try http.send(HTTPRequest(request)) { [unowned self] outcome, body in
        transfers[draw.id] = nil
        if case .failure(let failure) = outcome, goOn(draw, after: failure) { return }
        let drawn = read(outcome, body, of: draw, sent: sent).naming(
          source.identity(of: key), keyPlace: source.location.keyPlace)
        draw.completion(drawn)
        // Only now, since another key makes the role that has just failed try again at once.
        switch drawn.result {
        case .granted: source.accepted(key)
        case .refused(let failure):
          if failure.blamesAccessKey { source.refused(key, failure) }
          if failure.concernsSigner { source.denied(key) }
        }
      }
    } catch let failure as TransportFailure {
      fail(Failure(failure, now: serverTime()), of: draw, sent: sent)
    } catch {
      fail(.noSessionName, of: draw, sent: sent)
    }
  }

  /// Asks the next endpoint with a request of its own; false when there is none, or when it would fare no better.
  private func goOn(_ draw: Draw, after failure: TransportFailure) -> Bool {
    if failure.isMiss { ledger.missed(draw.place, code: Failure(failure, now: serverTime()).code) }
    guard failure.concernsEndpointAlone, draw.place + 1 < ledger.endpoints.count else { return false }
    var next = draw
    next.place += 1
    next.date = serverTime()
    next.misses.append(failure)
    ask(next)
    return true
  }

  package func cancel(_ draw: DrawID) {
    unsent.removeAll { $0.id == draw }
    reporting.removeAll { $0.id == draw }
    if let transfer = transfers.removeValue(forKey: draw) { http.cancel(transfer) }
  }

  package func moreWait(_ areWaiting: Bool) { http.hasMoreWaiting = areWaiting }

  package func renewIdentity(of role: RoleSettings) { sources[role.source]?.reread() }

  private func signed(_ draw: Draw, for endpoint: String, with key: AccessKey) throws -> SignedRequest {
    let order = draw.order
    let role = order.role
    let sessionName = try role.sessionName.expand(host: hostName, role: role.name, slot: String(order.slot))
    let request = AssumeRoleRequest(
      roleARN: role.arn, sessionName: sessionName,
      duration: order.duration, policy: role.policy.map { String(decoding: $0, as: UTF8.self) },
      externalID: role.externalID)
    return request.signed(
      by: SigningIdentity(key), in: RequestContext(to: endpoint, dated: draw.date, using: &chance))
  }

  private func read(_ outcome: HTTPOutcome, _ body: Span<UInt8>, of draw: Draw, sent: Timestamp) -> DrawOutcome {
    switch outcome {
    case .failure(let failure):
      return DrawOutcome(
        result: .refused(Failure(draw.misses + [failure], now: serverTime())), date: nil, sent: sent)
    case .success(let answer):
      ledger.answered(draw.place, date: serverTime(), at: scheduler.time)
      let response = STSResponse(answer, now: serverTime())
      let date = answer.date.flatMap { UTCTime(httpDate: $0) }
      switch response.assumedSession(from: body, now: serverTime()) {
      case .granted(let session): return DrawOutcome(result: .granted(session), date: date, sent: sent)
      case .refused(let failure): return DrawOutcome(result: .refused(failure), date: date, sent: sent)
      }
    }
  }

  private func fail(_ failure: Failure, of draw: Draw, sent: Timestamp) {
    unsent.append((draw.id, { draw.completion(DrawOutcome(result: .refused(failure), date: nil, sent: sent)) }))
    unsentReporter.schedule()
  }

  /// What fails meanwhile is reported in the next turn.
  private func reportUnsent() {
    reporting = unsent.reversed()
    unsent = []
    while let next = reporting.popLast() { next.report() }
  }
}

extension Failure {
  fileprivate static let noSessionName = Failure(
    .permanent, code: "NoSessionName", advice: "'session_name' makes no valid name on this host; write a shorter one")

  fileprivate static func noAccessKey(_ why: String) -> Failure {
    Failure(.permanent, code: Failure.noAccessKeyCode, advice: why)
  }

  fileprivate static let noSource = Failure(
    .permanent, code: "NoSource", advice: "the role's source is gone from the settings; name one that is there")
}

extension DrawOutcome {
  /// The same, with whose key signed in a failure that is about that, and where another key goes in one that asks for it.
  fileprivate func naming(
    _ signer: @autoclosure () -> CallerIdentity?, keyPlace: @autoclosure () -> String
  ) -> DrawOutcome {
    guard case .refused(let failure) = result else { return self }
    return DrawOutcome(result: .refused(failure.naming(keyPlace: keyPlace()).naming(signer())), date: date, sent: sent)
  }
}
