import CloudAPI
import Core
import HTTPClient

/// One request after the other to a local service; releasing it cancels what is under way.
final class LocalExchange {
  private let http: HTTPClient
  private var transfer: HTTPClient.TransferID?
  private var place: HTTPClient.Place?

  init(_ http: HTTPClient) { self.http = http }

  deinit { if let transfer { http.cancel(transfer) } }

  /// Calls `completion` once, in a later turn, in place of a request that can't be sent.
  func giveUp(_ completion: @escaping () -> Void) {
    place = http.awaitHandle { [weak self] in
      self?.place = nil
      completion()
    }
  }

  /// Calls `completion` once, in a later turn.
  func send(_ request: HTTPRequest, _ completion: @escaping (HTTPOutcome, Span<UInt8>) -> Void) {
    place = http.awaitHandle { [weak self] in
      guard let self else { return }
      place = nil
      do throws(TransportFailure) {
        transfer = try http.send(request) { [weak self] outcome, body in
          self?.transfer = nil
          completion(outcome, body)
        }
      } catch {
        let nothing: [UInt8] = []
        completion(.failure(error), nothing.span)
      }
    }
  }
}
