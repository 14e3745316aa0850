import HTTPClient
import Identities
package import Settings
import Systemd

/// Tries what a start needs to call STS, and leaves nothing behind.
extension StartTrials {
  package static func triedProxyPassword(_ path: String) -> Finding? {
    do throws(ProxyPasswordUnusable) {
      _ = try ProxyPassword.read(path)
      return nil
    } catch { return .unusable(error.problem, error.fix, isDenied: error.isDenied) }
  }

  /// The certificates of `ca_file` or of the system, read as the daemon reads them.
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
