package import CloudAPI
package import Core
package import HTTPClient
import Identities
package import Refresh
package import SessionStore
import Settings
package import Systemd

/// Asks STS for the owner of a key or a session (GetCallerIdentity). That needs no permission, so the answer shows whether STS
/// knows the signer.
///
/// One endpoint after the other is asked until one gives an HTTP answer; of regions, the first in the host's order that works. While all connections are in use the request waits for
/// one. These calls don't count in the rate: STS has a separate quota for them (STS quotas), and the callers keep their own
/// intervals.
package final class IdentityClient: IdentityService {
  private let scheduler: any Scheduler
  private let http: HTTPClient
  private let endpointHealth: EndpointHealth
  private let serverTime: () -> UTCTime
  private var chance = SystemChance()
  private var checks: [CallID: AnyObject] = [:]
  private var lastCheck: UInt64 = 0
  /// Called when an inquiry has ended, and its connection may be used by others.
  package var ended: () -> Void = {}

  package init(
    scheduler: any Scheduler, http: HTTPClient, endpointHealth: EndpointHealth,
    serverTime: @escaping () -> UTCTime
  ) {
    self.scheduler = scheduler
    self.http = http
    self.endpointHealth = endpointHealth
    self.serverTime = serverTime
  }

  /// Calls `completion` once, in a later turn of the loop, if the inquiry is kept; releasing it cancels the request.
  package func ask(
    _ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void
  ) -> AnyObject {
    let inquiry = Inquiry(of: self, signer, completion)
    inquiry.send()
    return inquiry
  }

  /// A request under way; it retains its client.
  final class Inquiry {
    private let client: IdentityClient
    private let signer: SigningIdentity
    private let completion: (STSAnswer<CallerIdentity>) -> Void
    /// The endpoints that were asked, the current one last.
    private var asked: [Int] = []
    /// The failures of the endpoints before.
    private var failures: [TransportFailure] = []
    private var transfer: HTTPClient.TransferID?
    /// Its place in the queue for a connection.
    private var place: HTTPClient.Place?
    /// A request that can't even be sent fails in a later turn, too.
    private var unsent: (any Deferral)?

    fileprivate init(
      of client: IdentityClient, _ signer: SigningIdentity,
      _ completion: @escaping (STSAnswer<CallerIdentity>) -> Void
    ) {
      self.client = client
      self.signer = signer
      self.completion = completion
    }

    deinit {
      if let transfer { client.http.cancel(transfer) }
    }

    fileprivate func send() {
      if client.http.freeHandles > 0 { return post() }
      place = client.http.awaitHandle { [weak self] in
        self?.place = nil
        self?.post()
      }
    }

    private func post() {
      if asked.isEmpty { asked = [client.endpointHealth.next(after: [], isCheck: true) ?? 0] }
      let endpoint = client.endpointHealth.texts[asked[asked.count - 1]]
      let context = RequestContext(to: endpoint, dated: client.serverTime(), using: &client.chance)
      let request = GetCallerIdentityRequest().signed(by: signer, in: context)
      do throws(TransportFailure) {
        transfer = try client.http.send(HTTPRequest(request)) { [weak self] outcome, body in
          self?.ended(outcome, body)
        }
      } catch {
        let failure = Failure(error, now: client.serverTime())
        unsent = client.scheduler.deferred { [unowned self] in end(.refused(failure)) }
        unsent?.schedule()
      }
    }

    private func ended(_ outcome: HTTPOutcome, _ body: Span<UInt8>) {
      transfer = nil
      let (place, health, now) = (asked[asked.count - 1], client.endpointHealth, client.serverTime())
      switch outcome {
      case .success(let answer):
        let identity = STSResponse(answer, now: now).callerIdentity(from: body)
        health.answered(place, date: now, failure: identity.refused, isCheck: true, at: client.scheduler.time)
        end(identity)
      case .failure(let failure):
        if failure.countsAsEndpointFailure {
          health.failed(place, code: Failure(failure, now: now).code, isOfEndpoint: failure.concernsEndpointAlone)
        }
        failures.append(failure)
        guard failure.concernsEndpointAlone, let next = health.next(after: asked, isCheck: true) else {
          return end(.refused(Failure(failures, now: now)))
        }
        asked.append(next)
        send()
      }
    }

    /// The completion may release the inquiry.
    private func end(_ answer: STSAnswer<CallerIdentity>) {
      let client = client
      completion(answer)
      client.ended()
    }
  }
}

/// A session that signs for itself.
extension IdentityClient: SessionChecker {
  package var hasRoom: Bool { http.freeHandles > 0 }

  package func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> CallID {
    lastCheck += 1
    let id = CallID(number: lastCheck)
    let signer = SigningIdentity(
      key: AccessKey(id: session.accessKeyID, secret: session.accessKeySecret),
      securityToken: session.securityToken, provider: "static_sts")
    checks[id] = ask(signer) { [unowned self] answer in
      checks[id] = nil
      completion(CheckOutcome(answer))
    }
    return id
  }

  package func cancel(_ check: CallID) { checks[check] = nil }
}
