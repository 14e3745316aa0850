import CloudAPI
import HTTPClient
import LocalSockets
package import Settings
import Systemd

/// Tries what a start needs beside sound settings, and leaves nothing behind.
package struct StartCheck {
  /// The daemon's user, where it is known; else a socket that is listened on may be the daemon's, whosever it is.
  let daemonsUID: UInt32?
  /// Runs its argument as root; nil where this process isn't root's.
  let asRoot: ((() -> StartTrials.Finding?) -> StartTrials.Finding?)?

  package init(daemonsUID: UInt32?, asRoot: ((() -> StartTrials.Finding?) -> StartTrials.Finding?)?) {
    self.daemonsUID = daemonsUID
    self.asRoot = asRoot
  }

  package var trials: StartTrials {
    var trials = StartTrials()
    trials.passedKey = asRoot.map { asRoot in { path in asRoot { Self.passedKey(path) } } }
    trials.keyFile = { Self.key(.file($0)) }
    trials.credential = { Self.key(.credential($0)) }
    trials.proxyPassword = Self.proxyPassword
    trials.authorities = Self.authorities
    trials.socket = { socket($0) }
    trials.isListenedOn = { if case .inUse? = UnixListener.obstacle(at: $0) { true } else { false } }
    return trials
  }

  /// Whether a start that ended by `error` would end the same way until a person has changed something.
  package static func isForPerson(_ error: any Error) -> Bool {
    error is CredentialMissing
  }

  // MARK: - Keys

  private static func key(_ location: AccessKeySource.Location) -> StartTrials.Finding? {
    do throws(AccessKeyUnusable) {
      return doubt(try AccessKeySource.read(location), in: location.path)
    } catch {
      return unusable(error.problem, error.remedy ?? "correct the file", isDenied: error.isDenied)
    }
  }

  /// systemd copies the file as root when the unit starts, so the fix is another than for a file that the daemon reads.
  private static func passedKey(_ path: String) -> StartTrials.Finding? {
    do throws(AccessKeyUnusable) {
      // As systemd will; who else may read it is looked at elsewhere.
      return doubt(try AccessKeySource.read(.file(path), mayOthersRead: true), in: path)
    } catch {
      let fix =
        error.isReadable
        ? error.fix ?? "correct it"
        : "put the AccessKey there, in a regular file that belongs to root and has mode 0400"
      return StartTrials.Finding(
        .error, "can't be used, by the unit's LoadCredential=: \(error.problem)",
        "\(fix); then run: \(SafeFix.restart)")
    }
  }

  private static func doubt(_ key: AccessKey, in path: String) -> StartTrials.Finding? {
    key.signOfCut.map {
      StartTrials.Finding(
        .warning, "names '\(path)', with an AccessKey \($0), which is unusual",
        "if it was cut off, copy the AccessKey again; 'rolekeeper status' shows whether STS accepts it")
    }
  }

  private static func proxyPassword(_ path: String) -> StartTrials.Finding? {
    do throws(ProxyPasswordUnusable) {
      _ = try ProxyPassword.read(path)
      return nil
    } catch { return unusable(error.problem, error.fix, isDenied: error.isDenied) }
  }

  private static func unusable(_ problem: String, _ remedy: String, isDenied: Bool = false) -> StartTrials.Finding {
    StartTrials.Finding(
      .error, "can't be \(isDenied ? "looked at" : "used"): \(problem)", remedy, isDenied: isDenied)
  }

  // MARK: - What it reaches STS and its clients by

  /// The certificates of `ca_file` or of the system, read as the daemon reads them.
  private static func authorities(_ sts: STSSettings) -> StartTrials.Finding? {
    do {
      let client = try HTTPClient(EventLoop(), settings: HTTPClient.Settings(sts), proxyPassword: nil)
      try client.prime()
      return nil
    } catch let error as HTTPClientError {
      return unusable(error.problem, error.remedy)
    } catch { return unusable("\(error)", "try again") }
  }

  private func socket(_ path: String) -> StartTrials.Finding? {
    guard let obstacle = UnixListener.obstacle(at: path) else { return nil }
    if case .inUse(_, _, let uid) = obstacle, daemonsUID == nil || uid == daemonsUID { return nil }
    return Self.unusable(obstacle.why, obstacle.fix, isDenied: obstacle.isDenied)
  }
}
