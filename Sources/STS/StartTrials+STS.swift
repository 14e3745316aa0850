import HTTPClient
import Identities
package import Settings
import Systemd

/// Checks everything that a start needs to call STS, without side effects.
extension StartTrials {
  package static func triedProxyPassword(_ path: String) -> Finding? {
    do throws(ProxyPasswordUnusable) {
      _ = try ProxyPassword.read(path)
      return nil
    } catch { return .unusable(error.problem, error.fix, isDenied: error.isDenied) }
  }

  /// Reads the certificates of `ca_file` or of the system as the daemon does.
  package static func triedAuthorities(of sts: STSSettings) -> Finding? { triedAuthorities(HTTPClient.Settings(sts)) }

  /// Reads the certificates in a file as the daemon does.
  package static func triedAuthorities(in file: String) -> Finding? {
    let found = triedAuthorities(
      HTTPClient.Settings(caFile: file, connectTimeout: .seconds(1), timeout: .seconds(1), lookupTimeout: .seconds(1)))
    // Those of the system are of no help there.
    return found.map {
      Finding(
        $0.severity, $0.problem, "put the certificate there of the CA that the server's is of, in PEM form",
        isDenied: $0.isDenied)
    }
  }

  private static func triedAuthorities(_ settings: HTTPClient.Settings) -> Finding? {
    do {
      let client = try HTTPClient(EventLoop(), settings: settings, proxyPassword: nil)
      try client.prime()
      return nil
    } catch let error as HTTPClientError {
      return .unusable(error.problem, error.remedy)
    } catch { return .unusable("\(error)", "try again") }
  }
}
