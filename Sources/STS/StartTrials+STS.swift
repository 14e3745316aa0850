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
  package static func triedAuthorities(_ sts: STSSettings) -> Finding? {
    do {
      let client = try HTTPClient(EventLoop(), settings: HTTPClient.Settings(sts), proxyPassword: nil)
      try client.prime()
      return nil
    } catch let error as HTTPClientError {
      return .unusable(error.problem, error.remedy)
    } catch { return .unusable("\(error)", "try again") }
  }
}
