package import CloudAPI
import Core
import EventLoop
import HTTPClient
import Settings
import Wire

/// Asks STS whose a key or a session is (GetCallerIdentity), which needs no permission: its answer says whether STS knows the signer.
///
/// One endpoint after the other is asked until one gives an HTTP answer. Calls aren't counted in the rate: STS has a quota of its
/// own for them (STS quotas), and whoever asks keeps its own intervals.
package final class IdentityClient {
  private let loop: EventLoop
  private let http: HTTPClient
  private let ledger: EndpointLedger
  private let time: () -> Timestamp
  private let serverTime: () -> UTCTime
  private var chance = SystemRandomNumberGenerator()

  init(
    loop: EventLoop, http: HTTPClient, ledger: EndpointLedger, time: @escaping () -> Timestamp,
    serverTime: @escaping () -> UTCTime
  ) {
    self.loop = loop
    self.http = http
    self.ledger = ledger
    self.time = time
    self.serverTime = serverTime
  }

  /// Calls `completion` once, in a later turn of the loop, while the inquiry is kept; letting go of it cancels the request.
  package func ask(
    _ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void
  ) -> Inquiry {
    let inquiry = Inquiry(of: self, signer, completion)
    inquiry.send()
    return inquiry
  }

  /// A request under way; it keeps its client.
  package final class Inquiry {
    private let client: IdentityClient
    private let signer: SigningIdentity
    private let completion: (STSAnswer<CallerIdentity>) -> Void
    private var place = 0
    /// What the endpoints before did instead of answering.
    private var misses: [TransportFailure] = []
    private var transfer: HTTPClient.TransferID?
    /// What can't even be sent fails in a later turn like all else.
    private var unsent: DeferSource?

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
      guard client.http.freeHandles > 0 else { return fail(.noFreeConnection) }
      let endpoint = client.ledger.endpoints[place].description
      let context = RequestContext(
        host: endpoint, userAgent: "rolekeeper/\(Version.number)", date: client.serverTime(),
        nonce: Nonce.make(using: &client.chance))
      let request = GetCallerIdentityRequest().signed(by: signer, in: context)
      do throws(TransportFailure) {
        transfer = try client.http.post(
          to: "https://\(endpoint)\(request.target)", headers: request.headerLines
        ) { [weak self] outcome, body in self?.ended(outcome, body) }
      } catch {
        fail(Failure(error, now: client.serverTime()))
      }
    }

    private func ended(_ outcome: HTTPOutcome, _ body: Span<UInt8>) {
      transfer = nil
      switch outcome {
      case .success(let answer):
        client.ledger.answered(place, date: client.serverTime(), at: client.time())
        completion(STSResponse(answer, now: client.serverTime()).callerIdentity(from: body))
      case .failure(let failure):
        client.ledger.missed(place, code: Failure(failure, now: client.serverTime()).code)
        misses.append(failure)
        guard failure.concernsEndpointAlone, place + 1 < client.ledger.endpoints.count else {
          return completion(.refused(Failure(misses, now: client.serverTime())))
        }
        place += 1
        send()
      }
    }

    private func fail(_ failure: Failure) {
      unsent = DeferSource(client.loop) { [unowned self] in completion(.refused(failure)) }
      unsent?.schedule()
    }
  }
}

extension Failure {
  fileprivate static let noFreeConnection = Failure(
    .transient, code: "NoFreeConnection", advice: "all connections to STS are in use; it is tried again")
}
