import Wire
import CloudAPI
package import Core
package import EventLoop
package import HTTPClient
package import Settings

/// Calls STS for the refresher: signs each request anew, sends it, and reads the answer strictly.
package final class STSClient: SessionDrawing {
  private let http: HTTPClient
  /// Host, and port if it isn't 443, as in a URL.
  private let endpoint: String
  private let hostName: String
  private let sources: [String: AccessKeySource]
  private let time: () -> Timestamp
  /// The server's time, for judging whether an Expiration has passed.
  private let serverTime: () -> UTCTime
  private var draws: UInt64 = 0
  private var transfers: [DrawID: HTTPClient.TransferID] = [:]
  /// Outcomes of requests that couldn't even be sent, told in a later turn like all others.
  private var unsent: [(DrawID, (DrawOutcome) -> Void, DrawOutcome)] = []
  private var teller: DeferSource!
  private var chance = SystemRandomNumberGenerator()

  package init(
    loop: EventLoop, http: HTTPClient, endpoint: String, hostName: String, sources: [String: AccessKeySource],
    time: @escaping () -> Timestamp, serverTime: @escaping () -> UTCTime
  ) {
    self.http = http
    self.endpoint = endpoint
    self.hostName = hostName
    self.sources = sources
    self.time = time
    self.serverTime = serverTime
    teller = DeferSource(loop) { [unowned self] in tellUnsent() }
  }

  package var hasRoom: Bool { http.freeHandles > 0 }

  package func draw(_ order: DrawOrder, completion: @escaping (DrawOutcome) -> Void) -> DrawID {
    draws += 1
    let id = DrawID(number: draws)
    let sent = time()
    guard let source = sources[order.role.source] else {
      fail(.noSource, of: id, sent: sent, completion)
      return id
    }
    guard let key = source.key else {
      fail(.noAccessKey(source.missingKeyAdvice), of: id, sent: sent, completion)
      return id
    }
    do {
      let request = try signed(order, with: key)
      transfers[id] = try http.post(
        to: "https://\(endpoint)\(request.target)", headers: request.headerLines
      ) { [unowned self] outcome, body in
        transfers[id] = nil
        let drawn = read(outcome, body, sent: sent)
        completion(drawn)
        // Only now, since another key makes the role that has just failed try again at once.
        if let failure = drawn.result.refused, failure.blamesAccessKey { source.reread() }
      }
    } catch let failure as TransportFailure {
      fail(Failure(failure), of: id, sent: sent, completion)
    } catch {
      fail(.noSessionName, of: id, sent: sent, completion)
    }
    return id
  }

  package func cancel(_ draw: DrawID) {
    unsent.removeAll { $0.0 == draw }
    if let transfer = transfers.removeValue(forKey: draw) { http.cancel(transfer) }
  }

  package func renewIdentity(of role: RoleSettings) { sources[role.source]?.reread() }

  private func signed(_ order: DrawOrder, with key: AccessKey) throws -> SignedRequest {
    let role = order.role
    let sessionName = try role.sessionName.expand(host: hostName, role: role.name, slot: String(order.slot))
    let request = AssumeRoleRequest(
      roleARN: role.arn, sessionName: sessionName,
      duration: order.duration, policy: role.policy.map { String(decoding: $0, as: UTF8.self) },
      externalID: role.externalID)
    let context = RequestContext(
      host: endpoint, userAgent: "rolekeeper/\(Version.number)", date: order.date,
      nonce: Nonce.make(using: &chance))
    return request.signed(by: SigningIdentity(key), in: context)
  }

  private func read(_ outcome: HTTPOutcome, _ body: Span<UInt8>, sent: Timestamp) -> DrawOutcome {
    switch outcome {
    case .failure(let failure): return DrawOutcome(result: .refused(Failure(failure)), date: nil, sent: sent)
    case .success(let answer):
      let response = STSResponse(
        httpStatus: answer.status, retryAfter: answer.retryAfter)
      let date = answer.date.flatMap { UTCTime(httpDate: $0) }
      switch response.assumedSession(from: body, now: serverTime()) {
      case .granted(let session): return DrawOutcome(result: .granted(session), date: date, sent: sent)
      case .refused(let failure): return DrawOutcome(result: .refused(failure), date: date, sent: sent)
      }
    }
  }

  private func fail(_ failure: Failure, of id: DrawID, sent: Timestamp, _ completion: @escaping (DrawOutcome) -> Void) {
    unsent.append((id, completion, DrawOutcome(result: .refused(failure), date: nil, sent: sent)))
    teller.schedule()
  }

  private func tellUnsent() {
    let told = unsent
    unsent = []
    for (_, completion, outcome) in told { completion(outcome) }
  }
}

extension Failure {
  fileprivate static let noSessionName = Failure(
    .permanent, code: "NoSessionName", advice: "'session_name' makes no valid name on this host; write a shorter one")

  fileprivate static func noAccessKey(_ why: String) -> Failure {
    Failure(.permanent, code: "NoAccessKey", advice: why)
  }

  fileprivate static let noSource = Failure(
    .permanent, code: "NoSource", advice: "the role's source is gone from the settings; name one that is there")
}
