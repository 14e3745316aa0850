package import CloudAPI
package import Core
import HTTPClient
import Glibc

/// Fetches a source's credential from a service on or beside this host.
package protocol CredentialFetcher: AnyObject {
  /// Calls `completion` once, in a later turn, if the returned object is kept; releasing it cancels the request.
  func fetch(_ completion: @escaping (FetchOutcome) -> Void) -> AnyObject

  /// What answers, such as "the metadata service".
  var service: String { get }
}

package enum FetchOutcome {
  case fetched(ServedCredential)
  case failed(Failure)
}

/// How a local service is reached.
enum ServiceRoute {
  case network
  /// At the address of the host's metadata service.
  case metadata
  /// Over a Unix socket.
  case socket
}

extension Failure {
  /// A request to a local service that got no answer. `fix` is what to look at, unless the cause itself names it; `route` is how the
  /// service is reached.
  init(_ failure: TransportFailure, of service: String, fix: String, by route: ServiceRoute = .network) {
    let known: (code: String, advice: String)? =
      switch failure.systemError {
      // A route of type prohibit (ip-route(8)); by systemd-imdsd(8) from 261 on, the network of the metadata service.
      case EACCES where route == .metadata:
        (
          "ProhibitedRoute",
          "a prohibited route keeps the daemon from \(service): systemd 261 and newer can lock the metadata network for everything but systemd-imdsd; "
            + "unlock it there, or use another type of source"
        )
      // By the socket's permissions, or those of the directories above it (connect(2)).
      case EACCES where route == .socket:
        (
          "Connect",
          "the daemon may not connect to \(service): its user has to be able to write to the socket, and to search the directories above it"
        )
      case EACCES:
        ("Connect", "the daemon may not connect to \(service): look at routes of type prohibit, and at the firewall")
      case EPERM:
        (
          "Connect",
          "this host doesn't let the daemon connect to \(service): look at IPAddressDeny= of the unit, and at the firewall"
        )
      default: nil
      }
    self.init(
      .transient, code: known?.code ?? Self.code(of: failure.kind),
      advice: known?.advice ?? "\(service): \(failure.text); \(fix)")
  }

  private static func code(of kind: TransportFailure.Kind) -> String {
    switch kind {
    case .connect: "Connect"
    case .connectTimeout: "ConnectTimeout"
    case .timeout: "Timeout"
    case .tlsVerification: TransportFailureCode.untrusted
    case .noResources: TransportFailureCode.noResources
    case .caFile: "CAFile"
    case .tlsOther: "TLS"
    case .bodyTooLarge: "AnswerTooLarge"
    case .resolve: "NameResolution"
    default: "Transport"
    }
  }
}
