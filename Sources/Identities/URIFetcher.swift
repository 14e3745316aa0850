import CloudAPI
import Core
package import HTTPClient

/// The credential that a server hands out at a URL, as the vendor's SDKs take it from ALIBABA_CLOUD_CREDENTIALS_URI; over verified
/// HTTPS, or on a Unix socket.
package final class URIFetcher: CredentialFetcher {
  package let service: String
  private let http: HTTPClient
  private let url: String
  private let isSocket: Bool
  /// The files of the certificate that is presented; nil for none.
  let identityFiles: IdentityFiles?

  /// `service` names the server in messages, without the path and query of its URL: those may be secret. `isSocket` is whether `http`
  /// connects to a Unix socket.
  package init(
    http: HTTPClient, url: String, service: String, isSocket: Bool = false, identityFiles: IdentityFiles? = nil
  ) {
    self.http = http
    self.url = url
    self.service = service
    self.isSocket = isSocket
    self.identityFiles = identityFiles
  }

  package func fetch(_ completion: @escaping (FetchOutcome) -> Void) -> AnyObject {
    let exchange = LocalExchange(http)
    if let identityFiles {
      identityFiles.look()
      guard let identity = identityFiles.identity else {
        let failure = identityFiles.failure
        exchange.giveUp { completion(.failed(failure)) }
        return exchange
      }
      http.identity = identity
    }
    var request = HTTPRequest(.get, url, headers: ["Accept: application/json"])
    // So that a renewed certificate is presented from then on.
    request.needsFreshConnection = true
    let (service, isSocket) = (service, isSocket)
    exchange.send(request) { outcome, body in
      switch outcome {
      case .failure(let failure):
        completion(
          .failed(
            Failure(
              failure, of: service,
              fix: isSocket
                ? "look whether the server runs, and at 'socket' of the source"
                : "look at 'url', 'ca_file', 'certificate' and 'key' of the source",
              by: isSocket ? .socket : .network)))
      case .success(let answer) where answer.status == 200:
        do throws(ServedCredentialUnusable) {
          completion(.fetched(try ServedCredential.session(from: body)))
        } catch {
          completion(
            .failed(
              Failure(
                .transient, code: error.code, httpStatus: 200,
                advice: "\(service): its answer can't be used: \(error.why)")))
        }
      case .success(let answer):
        completion(
          .failed(
            Failure(
              .transient, code: "CredentialsURIStatus", httpStatus: answer.status,
              advice:
                "\(service) answered with HTTP \(answer.status); look at its own log, and at the path in the settings"))
        )
      }
    }
    return exchange
  }
}
